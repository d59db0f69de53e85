// The judge: turns the evidence of a trial into findings, one oracle at a time, and the findings into one verdict.
//
// All functions here only read their arguments, so they are thread-safe.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "console/report.h"
#include "oracle/verdict.h"
#include "schedule/performance.h"
#include "watch/elision.h"
#include "watch/failure.h"
#include "watch/lock_graph.h"
#include "watch/rules.h"

namespace memrig {

// The checks of the locking rules in a trial, and the breaches that they found.
struct RuleEvidence {
    std::vector<RuleBreach> breaches;
    CheckCounts checks;
    std::vector<RuleGap> gaps = {};
};

// A call that was made to fail.
struct FailureEvidence {
    FailureSpec order;
    unsigned calls = 0;  // the calls with that path that were seen
    bool came_to_pass = false;
};

// All that is known about a trial that ended without a fault of the rig.
struct TrialEvidence {
    const Schedule& schedule;
    const Performance& performance;
    const ConsoleReport& console;
    std::vector<std::pair<ElisionSpec, ElisionCounts>> elisions;
    std::uint64_t block_bytes = 0;
    const std::vector<LockEvent>* locks = nullptr;   // the ledger's events; null if none was kept
    std::optional<LockGraphFacts> graph = {};        // of all locks; set if the observer saw their calls
    std::optional<RuleEvidence> rules = {};          // set if the rules were watched
    std::vector<std::string> never_overridden = {};  // functions whose override changed nothing
    std::vector<std::string> never_inserted = {};    // functions that nobody called, so that nothing was inserted
    std::vector<std::string> never_replaced = {};    // functions that were never called where they are replaced
    std::vector<FailureEvidence> failures = {};
    // A line for each counter that is the same whenever nothing goes on, and is not as before.
    std::vector<std::string> left_over = {};
    std::string given_up = {};      // what the kernel said when it gave a memory device up for good
    std::string never_vetoed = {};  // the notice that nobody vetoed, although the scenario asks for it
    Mode mode = Mode::directed;
    bool console_is_whole = true;    // the console showed the last word that the kernel was asked for at the end
    bool order_came_to_pass = true;  // explore mode: whether every switch of the order came to pass
    // Why the ledger cannot be trusted, one line each: a watcher that is not armed, or events that contradict each
    // other. Then no oracle rests on the ledger, and the trial proves nothing.
    std::vector<std::string> blind = {};
    // The differences between the ledger and the kernel's own lock trace, if the two were compared.
    std::vector<std::string> ledger_disagreements = {};
    // Parts of the trial that the rig does not have, a line for each: text and events beyond a limit of the rig, points
    // of explore mode that do not exist. They make the trial inconclusive, unless it convicts.
    std::vector<std::string> lacks = {};
};

struct Judgement {
    Verdict verdict = Verdict::inconclusive;
    std::string reason;
    std::vector<Finding> findings;  // the finding that decided comes first
};

// The names of the oracles, as --oracle and the reports have them: "crash", "deadlock", "rules", "lock-order",
// "console", "accounting". "evidence" is not among them: it says whether a trial proves anything, and is always asked.
const std::vector<std::string>& oracle_names();

// Each oracle returns a finding, or nothing if it does not object. docs/verdicts.md explains what each oracle proves
// and what would make it wrong.
std::optional<Finding> crash_oracle(const TrialEvidence& evidence);
std::optional<Finding> deadlock_oracle(const TrialEvidence& evidence);
std::optional<Finding> console_oracle(const TrialEvidence& evidence);
std::optional<Finding> accounting_oracle(const TrialEvidence& evidence);
// Checks whether the race and the mutation took place at all. Missing evidence makes a trial inconclusive.
std::optional<Finding> evidence_oracle(const TrialEvidence& evidence);

std::optional<Finding> rules_oracle(const TrialEvidence& evidence);
// An inversion without a gate is a finding against the kernel, and so is a longer cycle. One with a gate is reported
// with the verdict `held`: the finding says that it was seen, and which locks gate it. A search for cycles that was
// given up before its end, and found none without a gate, is `inconclusive`.
std::optional<Finding> lock_order_oracle(const TrialEvidence& evidence);

// Judges a trial. The gravest finding decides. If no oracle objects, the verdict is `held`, with its grounds as the
// reason, or `inconclusive` if there are no grounds. `oracles` names the oracles to ask; empty: all of them.
Judgement judge(const TrialEvidence& evidence, const std::set<std::string>& oracles = {});
// The convicting verdicts that are possible if only these oracles are asked.
std::vector<Verdict> convictions_by(const std::set<std::string>& oracles);

}  // namespace memrig
