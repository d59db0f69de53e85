// The judge: turns what was seen of a trial into findings, one oracle at a time, and those into one verdict.
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
#include "watch/rules.h"

namespace memrig {

// How often the rules were put to the test in a trial, and what broke them.
struct RuleEvidence {
    std::vector<RuleBreach> breaches;
    std::map<std::string, std::uint64_t> checks;  // by rule
    std::vector<std::string> gaps = {};  // what could not be checked on this kernel, and why: "R4: ... has no symbol"
};

// All that is known of a trial that the rig itself carried through.
struct TrialEvidence {
    const Schedule& schedule;
    const Performance& performance;
    const ConsoleReport& console;
    std::vector<std::pair<ElisionSpec, ElisionCounts>> elisions;
    std::uint64_t block_bytes = 0;
    const std::vector<LockEvent>* locks = nullptr;   // the ledger, if one was kept
    std::optional<RuleEvidence> rules = {};          // if the rules were watched
    std::vector<std::string> never_overridden = {};  // functions whose override changed nothing
    std::string never_vetoed = {};                   // the notice that was to be vetoed, if nobody did
    Mode mode = Mode::directed;
    bool order_came_to_pass = true;  // of explore mode: every switch did
    // Where the ledger was compared with the kernel's own lock trace: in what they do not agree.
    std::vector<std::string> ledger_disagreements = {};
};

struct Judgement {
    Verdict verdict = Verdict::inconclusive;
    std::string reason;
    std::vector<Finding> findings;  // the one that decided comes first
};

// The oracles by name ("crash", "deadlock", "rules", "lock-order", "console", "accounting"), as --oracle and reports have them.
// "evidence" is not among them: it says whether a trial proves anything, and is always asked.
const std::vector<std::string>& oracle_names();

// Each oracle: nothing to say, or a finding. docs/verdicts.md tells what each proves and what would make it wrong.
std::optional<Finding> crash_oracle(const TrialEvidence& evidence);
std::optional<Finding> deadlock_oracle(const TrialEvidence& evidence);
std::optional<Finding> console_oracle(const TrialEvidence& evidence);
std::optional<Finding> accounting_oracle(const TrialEvidence& evidence);
// Whether the race took place at all, and the mutation with it: what is missing makes a trial inconclusive.
std::optional<Finding> evidence_oracle(const TrialEvidence& evidence);

std::optional<Finding> rules_oracle(const TrialEvidence& evidence);
// An inversion without a gate is a finding; one with a gate is told, as `held`: that it was seen, and what gates it.
std::optional<Finding> lock_order_oracle(const TrialEvidence& evidence);

// The gravest finding decides; `held` is what remains where no oracle objects, and then says on what it rests.
// `oracles` are those that are asked: all of them where it is empty.
Judgement judge(const TrialEvidence& evidence, const std::set<std::string>& oracles = {});
// What an arm can be convicted of where only these oracles are asked.
std::vector<Verdict> convictions_by(const std::set<std::string>& oracles);

}  // namespace memrig
