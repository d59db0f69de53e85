#include "report/hunt_report.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "base/statistics.h"

namespace memrig {

namespace {

using HuntReport = nlohmann::ordered_json;

constexpr std::size_t kShownReasons = 5;

// The trials that a strategy had played by the case, itself included.
std::size_t trials_until(const Hunt& hunt, std::size_t index) {
    const HuntStrategy strategy = hunt.cases[index].one.strategy;
    return static_cast<std::size_t>(std::ranges::count_if(
        hunt.cases.begin(), hunt.cases.begin() + static_cast<std::ptrdiff_t>(index) + 1,
        [&](const HuntedCase& one) { return one.one.strategy == strategy && one.not_played.empty(); }));
}

// By strategy: the first case that convicts; none if there is none.
std::optional<std::size_t> first_conviction(const Hunt& hunt, HuntStrategy strategy) {
    for (std::size_t i = 0; i < hunt.cases.size(); i++)
        if (hunt.cases[i].one.strategy == strategy && hunt.cases[i].not_played.empty() &&
            convicts(hunt.cases[i].trial.verdict))
            return i;
    return std::nullopt;
}

std::string finding_lines(const Hunt& hunt, const HuntFinding& finding, const std::filesystem::path& directory,
                          const Paint& paint) {
    const std::size_t first = finding.cases.front();
    const HuntedCase& hunted = hunt.cases[first];
    std::string text = fmt::format(
        "{}  {}  in {}, first by {} in its {}. trial\n", paint.bad(to_string(finding.verdict)), finding.hash,
        counted(finding.cases.size(), "case"), to_string(hunted.one.strategy), trials_until(hunt, first));
    text += fmt::format("  {}\n", one_line(hunted.trial.reason));
    text += finding.of == 0 ? fmt::format("  not shrunk: {} raced\n", fmt::join(finding.actors, ", "))
                            : fmt::format("  smallest case: {} raced; {} of {} trials of it came to the same\n",
                                          fmt::join(finding.actors, ", "), finding.again, finding.of);
    text += fmt::format("  {}\n", one_line((directory / finding.file).string()));
    text += fmt::format("  memrig explain {}\n", one_line((directory / hunted.trial.directory).string()));
    return text;
}

std::string strategy_lines(const Hunt& hunt) {
    std::string text = "strategy    trials  convicted  inconclusive  seconds  first conviction\n";
    for (const auto& [strategy, share] : hunt.shares) {
        const auto first = first_conviction(hunt, strategy);
        text += fmt::format(
            "{:<10}  {:>6}  {:>9}  {:>12}  {:>7.0f}  {}\n", to_string(strategy), share.trials, share.convicted,
            share.inconclusive, share.seconds,
            first ? fmt::format("trial {}, by {:.0f} s", trials_until(hunt, *first), hunt.cases[*first].at_seconds)
                  : "none");
    }
    return text;
}

// Why trials proved nothing, the most frequent reasons first.
std::string doubt_lines(const Hunt& hunt) {
    std::map<std::string, std::size_t> reasons;
    for (const auto& one : hunt.cases) {
        if (!one.not_played.empty()) reasons["not set up: " + one.not_played]++;
        else if (one.one.strategy == HuntStrategy::priorities && one.trial.verdict != Verdict::held &&
                 !convicts(one.trial.verdict))
            reasons[one.trial.reason]++;
    }
    std::vector<std::pair<std::size_t, std::string>> sorted;
    for (const auto& [reason, count] : reasons) sorted.emplace_back(count, reason);
    std::ranges::sort(sorted, std::greater{});
    std::string text;
    for (std::size_t i = 0; i < std::min(sorted.size(), kShownReasons); i++)
        text += fmt::format("proved nothing, {}: {}\n", counted(sorted[i].first, "trial"), one_line(sorted[i].second));
    return text;
}

}  // namespace

std::string hunt_text(const Hunt& hunt, const std::filesystem::path& directory, const Paint& paint) {
    std::string text;
    for (const auto& finding : hunt.findings) text += finding_lines(hunt, finding, directory, paint) + "\n";
    text += strategy_lines(hunt);
    text += doubt_lines(hunt);
    text += fmt::format("coverage: {} pairs of points and of locks\n", hunt.coverage.size());
    const auto share = hunt.shares.find(HuntStrategy::priorities);
    if (hunt.findings.empty() && share != hunt.shares.end() && share->second.judged() > 0)
        text += fmt::format(
            "nothing was found: a race of this grammar shows a fault in at most {:.1f}% of the trials with a verdict "
            "(95%)\n",
            100 * wilson_interval(0, share->second.judged()).high);
    text += fmt::format("{}: {} played in {:.0f} s, seed {}\n", counted(hunt.findings.size(), "finding"),
                        counted(hunt.cases.size(), "case"), hunt.seconds, hunt.seed);
    if (hunt.interrupted) text += "interrupted: go on with --resume\n";
    return text;
}

std::string hunt_json(const Hunt& hunt) {
    HuntReport findings = HuntReport::array(), cases = HuntReport::array(), shares = HuntReport::object();
    for (const auto& finding : hunt.findings) {
        std::vector<unsigned> numbers;
        for (const std::size_t index : finding.cases) numbers.push_back(hunt.cases[index].one.number);
        findings.push_back({{"fingerprint", finding.hash},
                            {"text", finding.text},
                            {"verdict", to_string(finding.verdict)},
                            {"cases", numbers},
                            {"file", finding.file},
                            {"actors", finding.actors},
                            {"attempts", finding.attempts},
                            {"again", finding.again},
                            {"of", finding.of}});
    }
    for (const auto& one : hunt.cases)
        cases.push_back({{"number", one.one.number},
                         {"strategy", to_string(one.one.strategy)},
                         {"outcome", one.not_played.empty() ? to_string(one.trial.verdict) : "not set up"},
                         {"reason", one.not_played.empty() ? one.trial.reason : one.not_played},
                         {"directory", one.trial.directory.string()},
                         {"fresh", one.fresh},
                         {"at_seconds", one.at_seconds}});
    for (const auto& [strategy, share] : hunt.shares) {
        const auto first = first_conviction(hunt, strategy);
        shares[to_string(strategy)] = {
            {"trials", share.trials},
            {"convicted", share.convicted},
            {"inconclusive", share.inconclusive},
            {"seconds", share.seconds},
            {"first_trial", first ? HuntReport(trials_until(hunt, *first)) : HuntReport()},
            {"first_seconds", first ? HuntReport(hunt.cases[*first].at_seconds) : HuntReport()}};
    }
    const HuntReport json = {{"schema", 1},
                             {"kernel", hunt.kernel},
                             {"release", hunt.release},
                             {"seed", hunt.seed},
                             {"findings", std::move(findings)},
                             {"strategies", std::move(shares)},
                             {"coverage", hunt.coverage},
                             {"cases", std::move(cases)},
                             {"interrupted", hunt.interrupted},
                             {"exit_status", hunt.exit_status()},
                             {"seconds", hunt.seconds}};
    return json_document(json);
}

}  // namespace memrig
