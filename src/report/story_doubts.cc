// The doubts about a verdict: its own source of error, the parts of the guest that nobody watched, and the evidence
// that is not there. docs/verdicts.md has the grounds of each verdict.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.h"
#include "report/story.h"

namespace memrig {

namespace {

constexpr std::size_t kMostGaps = 20;

// The paragraphs "Source of error" of docs/verdicts.md, in a sentence.
const char* source_of_error(Verdict verdict) {
    switch (verdict) {
        case Verdict::held:
            return "A refusal, or a gate, that does not really keep the tasks apart. The mutant arm on the same kernel "
                   "shows that the task gets in if only that lock is missing.";
        case Verdict::deadlock: return "A release that the ledger did not see, and that left all tasks where they are.";
        case Verdict::oops: return "A crash that has nothing to do with the race. It would show in the control, too.";
        case Verdict::rule_broken: return "A lock that the ledger takes for another one.";
        case Verdict::lock_order: return "A lock that keeps the tasks apart, and that the ledger does not watch.";
        case Verdict::hang: return "A task that waits for something that comes later than the rig looked.";
        case Verdict::accounting:
            return "Memory that something else than the scenario's actors added, removed or counted.";
        case Verdict::warning:
            return "A warning that has nothing to do with the call that failed. It would show in the control, too.";
        case Verdict::inconclusive:
            return "Nothing is proven: this is neither a pass nor a fault of the kernel. The reason says what is "
                   "missing.";
        case Verdict::rig_fault: return "The rig or its host failed: the trial says nothing about the kernel.";
    }
    return "?";
}

void add_mode(const Story& story, std::vector<std::string>& doubts) {
    const TrialOptions& options = story.recipe.manner;
    if (options.mode == Mode::free)
        doubts.emplace_back("In free mode nothing was scheduled, and no lock and no rule was watched.");
    else if (story.result.verdict == Verdict::held)
        doubts.emplace_back(options.mode == Mode::explore
                                ? "It speaks of this one order of the actors alone."
                                : "It speaks of this one schedule, on this kernel and bench, alone.");
    if (!story.result.order_came_to_pass)
        doubts.emplace_back("A switch of the order did not come to pass: another order was played.");
    if (!options.oracles.empty())
        doubts.push_back(fmt::format("Only these oracles were asked: {}.", fmt::join(options.oracles, ", ")));
    if (!options.ledger) doubts.emplace_back("No lock ledger was kept: no rule and no lock order was judged.");
}

void add_gaps(const Story& story, const TrialRecord& record, std::vector<std::string>& doubts) {
    std::vector<std::string> gaps;
    for (const auto& finding : story.result.findings)
        if (finding.oracle == kGapOracle)
            for (const auto& detail : finding.details.empty() ? std::vector{finding.summary} : finding.details)
                gaps.push_back("Not checked on this kernel: " + one_line(detail));
    for (const auto& gap : record.gaps) gaps.push_back("The ledger could not watch all: " + gap);
    const std::size_t shown = std::min(gaps.size(), kMostGaps);
    doubts.insert(doubts.end(), gaps.begin(), gaps.begin() + static_cast<std::ptrdiff_t>(shown));
    if (shown < gaps.size())
        doubts.push_back(fmt::format("{} more are left out.", counted(gaps.size() - shown, "gap")));
    // An evidence finding beside a conviction: it did not decide, but says what was not seen.
    for (const auto& finding : story.result.findings)
        if (finding.oracle == "evidence" && story.result.verdict != Verdict::inconclusive)
            doubts.push_back("Evidence that the trial lacks besides: " + one_line(finding.summary));
}

void add_arming(const Story& story, const Armament* armament, std::vector<std::string>& doubts) {
    if (armament == nullptr) {
        if (story.recipe.manner.mode != Mode::free)
            doubts.emplace_back("There is no arming.json: nothing shows that the rig's own watchers see well here.");
        return;
    }
    if (!armament->failure.empty()) doubts.push_back("The guest could not be armed: " + one_line(armament->failure));
    std::vector<std::string> armed;
    for (const Watcher watcher : all_watchers()) {
        const WatcherReport& report = armament->of(watcher);
        if (report.state == WatcherReport::State::armed) armed.emplace_back(to_string(watcher));
        else
            doubts.push_back(fmt::format("The watcher of {} was {}{}", to_string(watcher), to_string(report.state),
                                         report.why.empty() ? "." : ": " + one_line(report.why)));
    }
    if (!armed.empty())
        doubts.push_back(
            fmt::format("A watcher that saw well while the guest was armed, and badly in this trial. "
                        "Armed were: {}.",
                        fmt::join(armed, ", ")));
}

void add_missing(const TrialRecord& record, std::vector<std::string>& doubts) {
    std::vector<std::string> missing;
    if (record.happenings.empty()) missing.emplace_back("timeline.json");
    if (!record.has_locks) missing.emplace_back("locks.json");
    if (record.console.empty()) missing.emplace_back("console.log");
    if (record.qmp.empty()) missing.emplace_back("qmp.jsonl");
    if (!missing.empty())
        doubts.push_back(fmt::format("The story lacks what is missing or empty: {}.", fmt::join(missing, ", ")));
}

}  // namespace

std::vector<std::string> doubts_about(const Story& story, const TrialRecord& record, const Armament* armament) {
    std::vector<std::string> doubts = {source_of_error(story.result.verdict)};
    add_mode(story, doubts);
    add_gaps(story, record, doubts);
    add_arming(story, armament, doubts);
    add_missing(record, doubts);
    return doubts;
}

}  // namespace memrig
