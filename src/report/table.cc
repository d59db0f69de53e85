#include "report/table.h"

#include <algorithm>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "base/exit_status.h"
#include "base/shell.h"
#include "base/statistics.h"
#include "base/table.h"
#include "report/kernel_table.h"
#include "report/summary.h"

namespace memrig {

namespace {

// The unexpected trials that are listed for each arm; results.json has them all.
constexpr std::size_t kUnexpectedShown = 10;

const std::vector<TableColumn>& table_columns() {
    static const std::vector<TableColumn> heads = {{"scenario"},      {"kernel"},         {"bench"},      {"arm"},
                                                   {"trials", true},  {"verdicts"},       {"expected"},   {"result"},
                                                   {"restore", true}, {"schedule", true}, {"trial", true}};
    return heads;
}
constexpr std::size_t kResultColumn = 7;
constexpr std::size_t kMostNameColumns = 40;  // of a scenario or a kernel, which may be given by a path
using Row = std::vector<std::string>;

std::string median(const ArmResult& arm, double TrialResult::* seconds) {
    std::vector<double> times = times_of(arm, seconds);
    return times.empty() ? "-" : short_time(spread_of(std::move(times)).median);
}

// "incomplete" means that the finished trials were as expected, but an interruption left out the rest.
const char* outcome(const ArmResult& arm) {
    if (!arm.skipped.empty()) return "SKIP";
    if (arm.not_set_up) return "NOT SET UP";
    if (good(arm)) return "ok";
    return std::ranges::all_of(arm.trials, [](const TrialResult& trial) { return good(trial); }) ? "incomplete"
                                                                                                 : "FAILED";
}

Row row_of(const ArmResult& arm) {
    const bool whole = arm.trials.size() == arm.trials_asked;
    return {short_path(one_line(arm.scenario), kMostNameColumns),
            short_path(one_line(arm.shown_kernel()), kMostNameColumns),
            one_line(arm.bench),
            one_line(arm.arm),
            whole ? fmt::format("{}", arm.trials_asked) : fmt::format("{} of {}", arm.trials.size(), arm.trials_asked),
            verdict_counts_text(arm),
            verdict_list(arm.expected),
            outcome(arm),
            median(arm, &TrialResult::restore_seconds),
            median(arm, &TrialResult::schedule_seconds),
            median(arm, &TrialResult::verdict_seconds)};
}

std::string render(const std::vector<Row>& rows, std::size_t width, const Paint& paint) {
    return table_text(table_columns(), rows, width, [&](std::size_t row, std::size_t column, const std::string& text) {
        if (row == kHeadings) return paint.heading(text);
        if (column != kResultColumn || text == "SKIP") return text;
        return text == "ok" ? paint.good(text) : paint.bad(text);
    });
}

// Prints only the choices that differed from trial to trial.
std::string choices_of(const ArmResult& arm) {
    std::string out;
    for (const auto& [key, values] : counts_by_choice(arm)) {
        if (values.size() < 2) continue;
        out += fmt::format("{}, by {}:", arm_title(arm), one_line(key));
        const char* separator = " ";
        for (const auto& [value, verdicts] : values) {
            out += fmt::format("{}{}: {}", separator, one_line(value), verdict_counts_text(verdicts));
            separator = "; ";
        }
        out += "\n";
    }
    return out;
}

// Prints the number of orders, the outcome of their trials, and the first order that convicts.
std::string explored_of(const ArmResult& arm, const std::filesystem::path& run_directory) {
    if (!arm.explored) return {};
    const ExploreSummary& explored = *arm.explored;
    const auto not_passed = std::ranges::count(arm.trials, false, &TrialResult::order_came_to_pass);
    std::string out = fmt::format(
        "{}: {} within {}, {} run, {} left; {} switches were impossible (the actor was blocked or had nothing to do); "
        "orders that did not come to pass: {}; up to {} passed\n",
        arm_title(arm), counted(explored.known, "order"), counted(explored.preemptions, "preemption"),
        arm.trials.size(), explored.known - std::min(explored.known, arm.trials.size()), explored.infeasible,
        not_passed, counted(explored.points_passed, "point"));
    if (!explored.missing_points.empty()) {
        out += "  points that this kernel does not have:";
        for (const auto& point : explored.missing_points) out += " " + one_line(point);
        out += "\n";
    }
    const auto first =
        std::ranges::find_if(arm.trials, [&](const TrialResult& trial) { return arm.is_shown_by(trial); });
    if (first == arm.trials.end()) return out;
    const auto unexpected = std::ranges::count(arm.trials, false, &TrialResult::as_expected);
    const std::string what = arm.is_control()
                                 ? fmt::format("{} of them not as expected", unexpected)
                                 : fmt::format("{} of them to {}", arm.convicted(), verdict_list(arm.expected));
    return out + fmt::format("  {}; the first, trial {}: {}\n  again: memrig replay {}\n", what, first->number,
                             text_of(first->order), one_line((run_directory / first->directory).string()));
}

// Prints what the trials that held could not check, each gap once.
std::string gaps_of(const ArmResult& arm) {
    std::set<std::string> gaps;
    for (const auto& trial : arm.trials)
        for (const auto& finding : trial.findings)
            if (finding.oracle == kGapOracle) gaps.insert(finding.summary);
    std::string out;
    for (const auto& gap : gaps) out += fmt::format("{}: not checked: {}\n", arm_title(arm), one_line(gap));
    return out;
}

// For free mode: prints how often the race occurred by itself.
std::string rate_of(const ArmResult& arm) {
    if (arm.mode != Mode::free || arm.is_control()) return {};
    return fmt::format("{}: {} {}\n", arm_title(arm), verdict_list(arm.expected),
                       occurrence_text(free_occurrence(arm)));
}

std::string unexpected_of(const ArmResult& arm, const std::filesystem::path& run_directory) {
    std::string out;
    std::size_t found = 0;
    for (const auto& trial : arm.trials) {
        if (good(trial)) continue;
        if (++found > kUnexpectedShown) continue;
        if (found == 1) out += fmt::format("\n{}:\n", arm_title(arm));
        out += fmt::format("  trial {}: {}: {}\n", trial.number, to_string(trial.verdict), one_line(trial.reason));
        if (!trial.directory.empty())
            out += fmt::format("    evidence: {}\n", one_line((run_directory / trial.directory).string()));
    }
    if (found > kUnexpectedShown) out += fmt::format("  and {} more, in results.json\n", found - kUnexpectedShown);
    return out;
}

// Prints how often a directed control was not held, and the bound that this gives for a wrong verdict.
std::string controls_of(const RunResults& results) {
    constexpr std::uint64_t fewest = 20;
    std::uint64_t trials = 0, others = 0;
    for (const auto& arm : results.arms) {
        if (!arm.is_control() || arm.mode != Mode::directed) continue;
        for (const auto& trial : arm.trials) {
            if (trial.verdict == Verdict::rig_fault) continue;
            trials++;
            others += trial.verdict != Verdict::held;
        }
    }
    if (trials < fewest) return {};
    return fmt::format("controls that were not held: {}\n", occurrence_text(occurrence(others, trials, 0)));
}

// Prints the command that tells the story of the first trial that was not as expected.
std::string explanation_of(const RunResults& results, const std::filesystem::path& run_directory) {
    for (const auto& arm : results.arms)
        for (const auto& trial : arm.trials)
            if (!good(trial) && !trial.directory.empty())
                return fmt::format("the story of the first that was not as expected: memrig explain {}\n",
                                   one_line(shell_word((run_directory / trial.directory).string())));
    return {};
}

std::string hosts_of(const RunResults& results, const Paint& paint) {
    std::string out;
    for (const auto& host : results.hosts) {
        const std::string line = one_line(fmt::format("{}: {}", host.name, counted(host.trials, "trial")));
        out += host.lost.empty() ? line + "\n" : paint.bad(line + ", then lost: " + one_line(host.lost)) + "\n";
    }
    return out;
}

std::string closing_sentence(const RunResults& results, const Paint& paint) {
    std::size_t trials = 0;
    for (const auto& arm : results.arms) trials += arm.trials.size();
    const auto skipped = static_cast<std::size_t>(
        std::ranges::count_if(results.arms, [](const ArmResult& arm) { return !arm.skipped.empty(); }));
    const auto missing = static_cast<std::size_t>(
        std::ranges::count_if(results.arms, [](const ArmResult& arm) { return arm.not_set_up.has_value(); }));
    std::string without = skipped == 0 ? "" : fmt::format("{} skipped", skipped);
    if (missing > 0) without += fmt::format("{}{} not set up", skipped == 0 ? "" : ", ", missing);
    const std::string what = fmt::format(
        "{} in {}{}, {}, seed {}", counted(trials, "trial"), counted(results.arms.size() - skipped - missing, "arm"),
        without.empty() ? "" : " (" + without + ")", short_time(results.seconds), results.seed);
    switch (results.exit_status()) {
        case kExitGood: return fmt::format("{}: {}\n", paint.good("all as expected"), what);
        case kExitNotAsExpected: return fmt::format("{}: {}\n", paint.bad("not as expected"), what);
        case kExitNothingRun:
            return fmt::format("{}: {}\n", paint.bad(trials == 0 ? "nothing was run" : "not all was run"), what);
        case kExitInterrupted: return fmt::format("{}: {}\n", paint.bad("interrupted"), what);
        default: return fmt::format("{}: {}\n", paint.bad("rig fault"), what);
    }
}

// The trials that were to have the observer and watched the locks by stops instead.
std::string unobserved_of(const RunResults& results) {
    std::map<std::string, unsigned> reasons;
    for (const auto& arm : results.arms)
        for (const auto& trial : arm.trials)
            if (!trial.unobserved.empty()) reasons[trial.unobserved]++;
    std::string text;
    for (const auto& [reason, trials] : reasons)
        text += fmt::format("{} without the observer: {}\n", counted(trials, "trial"), one_line(reason));
    return text;
}

}  // namespace

std::string closing_table(const RunResults& results, const std::filesystem::path& run_directory, const Paint& paint,
                          std::size_t width) {
    std::vector<Row> rows;
    for (const auto& arm : results.arms) rows.push_back(row_of(arm));
    std::string out = render(rows, width, paint) + "(times are medians)\n";
    for (const auto& arm : results.arms)
        if (!arm.skipped.empty()) out += fmt::format("{}: skipped: {}\n", arm_title(arm), one_line(arm.skipped));
    for (const auto& arm : results.arms)
        if (arm.not_set_up)
            out +=
                fmt::format("{}: {}: {}\n", arm_title(arm), paint.bad("not set up"), one_line(arm.not_set_up->line()));
    out += unobserved_of(results);
    for (const auto& arm : results.arms) out += choices_of(arm);
    for (const auto& arm : results.arms) out += gaps_of(arm);
    for (const auto& arm : results.arms) out += explored_of(arm, run_directory) + rate_of(arm);
    for (const auto& arm : results.arms) out += unexpected_of(arm, run_directory);
    out += controls_of(results) + hosts_of(results, paint);
    if (const std::string kernels = kernel_table(results, paint, width); !kernels.empty()) out += "\n" + kernels;
    return out + "\n" + closing_sentence(results, paint) + explanation_of(results, run_directory);
}

}  // namespace memrig
