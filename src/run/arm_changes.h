// The changes that an arm makes to the running kernel: elisions, overrides, replacements, insertions and failures.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "oracle/judge.h"
#include "play/cast.h"
#include "scenario/scenario.h"
#include "watch/failure.h"
#include "watch/insertion.h"
#include "watch/override.h"
#include "watch/replacement.h"

namespace memrig {

// Returns the functions whose calls the arm changes: functions and roles, as it names them. Thread-safe.
std::set<std::string> functions_changed_by(const ScenarioArm& arm);

// In force from the calls of make_...() until it is destroyed. All that it is given must outlive it. For one thread.
class ArmChanges {
public:
    ArmChanges(Conductor& conductor, const SymbolTable& symbols, const ScenarioArm& arm)
        : conductor_(conductor), symbols_(symbols), arm_(arm) {}

    // Fault::guest if the kernel lacks a function that the arm names. The rules are watched between the two: they judge
    // an elided call, and see an overridden argument as the kernel was given it.
    Status make_elisions();
    Status make_others();
    // The failures need to know when an actor is at work.
    void follow(Cast& cast);
    // Notes what the changes did, and which of them did nothing.
    void report(TrialEvidence& evidence) const;

private:
    Status at_work(const Actor& actor, const Arrival& arrival, bool begins);

    Conductor& conductor_;
    const SymbolTable& symbols_;
    const ScenarioArm& arm_;
    std::vector<std::unique_ptr<Elision>> elisions_;
    std::vector<std::unique_ptr<Override>> overrides_;
    std::vector<std::unique_ptr<Replacement>> replacements_;
    std::vector<std::unique_ptr<Insertion>> insertions_;
    std::vector<std::unique_ptr<Failure>> failures_;
    Subscription work_;
};

}  // namespace memrig
