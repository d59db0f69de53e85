#include "report/sweep_report.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/exit_status.h"
#include "base/file.h"
#include "base/json_text.h"
#include "campaign/fingerprint.h"
#include "oracle/outcomes.h"
#include "run/sweep_plan.h"

namespace memrig {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kShownUnproven = 10;

std::string case_text(const SweepCase& one) {
    const std::string first = failure_text(one.failure, one.recorded);
    return one.second ? fmt::format("{}, and then {}", first, failure_text(*one.second)) : first;
}

std::string outcome_of(const SweepCase& one) {
    if (!one.not_played.empty()) return "not set up";
    return one.trial ? to_string(one.trial->verdict) : "not played";
}

std::string counts_text(const std::map<std::string, std::size_t>& counts) {
    std::vector<std::string> parts;
    for (const auto& [what, count] : counts) parts.push_back(fmt::format("{} {}", count, what));
    return fmt::format("{}", fmt::join(parts, ", "));
}

// A line for each actor and function.
std::string calls_text(const Sweep& sweep, std::size_t width) {
    std::map<std::pair<std::string, std::string>, std::map<std::string, std::size_t>> counts;
    for (const auto& one : sweep.cases)
        counts[{one.failure.actor, one.second ? "then " + one.second->function : one.failure.function}]
              [outcome_of(one)]++;
    std::vector<std::vector<std::string>> rows;
    for (const auto& [call, outcomes] : counts)
        rows.push_back({one_line(call.first + ": " + call.second), counts_text(outcomes)});
    return table_text({{""}, {""}}, rows, width);
}

std::string finding_text(const SweepFinding& finding, const std::filesystem::path& directory, const Paint& paint) {
    const SweepCase& first = *finding.cases.front();
    std::string text = fmt::format("{}  {}  in {}\n", paint.bad(to_string(finding.verdict)), finding.hash,
                                   counted(finding.cases.size(), "case"));
    text += fmt::format("  {}\n", one_line(first.trial->reason));
    text += fmt::format("  {}\n", one_line(case_text(first)));
    text += fmt::format("  {}\n", one_line((directory / "findings" / (finding.hash + ".toml")).string()));
    text += fmt::format("  memrig explain {}\n", one_line((directory / first.trial->directory).string()));
    return text;
}

std::string unproven_text(const Sweep& sweep) {
    std::string text;
    std::size_t shown = 0, all = 0;
    for (const auto& one : sweep.cases) {
        const bool says_nothing = !one.not_played.empty() ||
                                  (one.trial && !convicts(one.trial->verdict) && one.trial->verdict != Verdict::held);
        if (!says_nothing) continue;
        all++;
        if (++shown > kShownUnproven) continue;
        text += fmt::format("{}  {}\n  {}\n", outcome_of(one), one_line(case_text(one)),
                            one_line(one.trial ? one.trial->reason : one.not_played));
    }
    if (all > kShownUnproven) text += fmt::format("and {} more without a verdict\n", all - kShownUnproven);
    return text;
}

Json case_json(const SweepCase& one) {
    Json json = {{"number", one.number}, {"outcome", outcome_of(one)}};
    json["failure"] = failure_json(one);
    json["reason"] = one.trial ? one.trial->reason : one.not_played;
    json["directory"] = one.trial ? one.trial->directory.generic_string() : "";
    json["seconds"] = one.trial ? one.trial->verdict_seconds : 0.0;
    return json;
}

// The finding that decided a trial's verdict.
Fingerprint fingerprint_of(const SweepCase& one) {
    for (const auto& finding : one.trial->findings)
        if (finding.verdict == one.trial->verdict) return memrig::fingerprint_of(finding);
    return {};
}

}  // namespace

std::vector<SweepFinding> findings_of(const Sweep& sweep) {
    std::map<std::string, SweepFinding> by_hash;
    for (const SweepCase* one : sweep.convicted()) {
        const Fingerprint print = fingerprint_of(*one);
        SweepFinding& finding = by_hash[print.hash];
        finding.hash = print.hash;
        finding.text = print.text;
        finding.verdict = one->trial->verdict;
        finding.cases.push_back(one);
    }
    std::vector<SweepFinding> all;
    for (auto& [hash, finding] : by_hash) all.push_back(std::move(finding));
    std::ranges::stable_sort(all, {}, [](const SweepFinding& one) { return gravity(one.verdict); });
    return all;
}

std::string sweep_text(const Sweep& sweep, const std::filesystem::path& directory, const Paint& paint,
                       std::size_t width) {
    std::string text = fmt::format("{} on {}: {} on {} were recorded\n\n", one_line(sweep.scenario),
                                   one_line(sweep.release.empty() ? sweep.kernel : sweep.release),
                                   counted(sweep.calls, "call"), counted(sweep.paths, "path"));
    text += calls_text(sweep, width) + "\n";
    const auto findings = findings_of(sweep);
    for (const auto& finding : findings) text += finding_text(finding, directory, paint) + "\n";
    if (const std::string unproven = unproven_text(sweep); !unproven.empty()) text += unproven + "\n";
    const auto held = static_cast<std::size_t>(std::ranges::count_if(
        sweep.cases, [](const SweepCase& one) { return one.trial && one.trial->verdict == Verdict::held; }));
    text += fmt::format("{} of {} played: {} held, {} convicted with {}; {}\n", sweep.played(),
                        counted(sweep.cases.size(), "case"), held, sweep.convicted().size(),
                        counted(findings.size(), "finding"), short_time(sweep.seconds));
    return text;
}

std::string sweep_json(const Sweep& sweep) {
    Json json = {{"schema", 1},
                 {"scenario", sweep.scenario},
                 {"kernel", sweep.kernel},
                 {"release", sweep.release},
                 {"bench", sweep.bench},
                 {"actors", sweep.actors},
                 {"calls", sweep.calls},
                 {"paths", sweep.paths},
                 {"interrupted", sweep.interrupted},
                 {"exit_status", sweep.exit_status()},
                 {"seconds", sweep.seconds}};
    json["findings"] = Json::array();
    for (const auto& finding : findings_of(sweep)) {
        Json cases = Json::array();
        for (const SweepCase* one : finding.cases) cases.push_back(one->number);
        json["findings"].push_back({{"fingerprint", finding.hash},
                                    {"text", finding.text},
                                    {"verdict", to_string(finding.verdict)},
                                    {"cases", std::move(cases)}});
    }
    json["cases"] = Json::array();
    for (const auto& one : sweep.cases) json["cases"].push_back(case_json(one));
    return json_document(json);
}

Result<std::size_t> write_findings(const Sweep& sweep, const std::filesystem::path& directory) {
    const auto findings = findings_of(sweep);
    if (findings.empty()) return 0;
    MEMRIG_CHECK(make_directories(directory / "findings"));
    for (const auto& finding : findings) {
        const std::string file = fmt::format("{:04}.toml", finding.cases.front()->number);
        MEMRIG_TRY(std::string text, read_file(directory / "cases" / file));
        const std::string held = fmt::format("expect = [ '{}' ]", to_string(Verdict::held));
        const std::size_t at = text.find(held);
        if (at == std::string::npos)
            return fail(Fault::user_input, "{} was changed: its arm fault does not expect held", file);
        text.replace(at, held.size(), fmt::format("expect = [ '{}' ]", to_string(finding.verdict)));
        MEMRIG_CHECK(write_file(directory / "findings" / (finding.hash + ".toml"), text));
    }
    return findings.size();
}

}  // namespace memrig
