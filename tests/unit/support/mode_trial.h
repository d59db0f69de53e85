// A sample trial in one of the modes, with its ledger and its rules, for the tests of the judge.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "unit/support/trial_samples.h"

namespace memrig {

inline constexpr const char* kModeTrialGate = "device_hotplug_lock";
inline constexpr const char* kModeTrialMemory = "mem_hotplug_lock";
inline constexpr const char* kModeTrialDevice = "memory32's device lock";

class ModeTrial : public SampleTrial {
public:
    explicit ModeTrial(Mode mode) : mode_(mode) {
        if (mode == Mode::directed) return;
        performance.holds.clear();
        performance.evidence.clear();
        performance.step = mode == Mode::free ? "run" : "at adder's 1st device_add: onliner goes on";
    }
    // As validate/acpi-dimm-lock-order has it: nobody is held, and nobody awaited.
    void without_await() {
        schedule.steps = {{StepKind::start, "adder", {}, false, {}},
                          {StepKind::finish, "adder", {}, false, {}},
                          {StepKind::start, "onliner", {}, false, {}},
                          Step{}};
        performance.holds.clear();
        performance.evidence.clear();
    }
    void invert(bool gated) {
        nest(kSampleAdder, {kModeTrialMemory, kModeTrialDevice}, gated);
        nest(kSampleOnliner, {kModeTrialDevice, kModeTrialMemory}, gated);
    }
    void nest(std::uint64_t task, std::vector<std::string> locks, bool gated) {
        if (gated) locks.insert(locks.begin(), kModeTrialGate);
        LockEvent event;
        event.task = task;
        event.where = "somewhere+0x1";
        for (const auto& lock : locks) {
            event.lock = lock;
            event.action = LockAction::takes;
            events_.push_back(event);
        }
        for (auto lock = locks.rbegin(); lock != locks.rend(); ++lock) {
            event.lock = *lock;
            event.action = LockAction::releases;
            events_.push_back(event);
        }
    }
    [[nodiscard]] TrialEvidence evidence() const {
        TrialEvidence evidence = SampleTrial::evidence();
        evidence.mode = mode_;
        evidence.order_came_to_pass = came_to_pass;
        if (mode_ == Mode::free) return evidence;  // no ledger, no rules
        evidence.locks = &events_;
        evidence.rules = rules;
        return evidence;
    }
    [[nodiscard]] Judgement judged(const std::set<std::string>& oracles = {}) const {
        return judge(evidence(), oracles);
    }

    RuleEvidence rules{{}, sample_checks(), {}};
    bool came_to_pass = true;

private:
    Mode mode_;
    std::vector<LockEvent> events_;
};

}  // namespace memrig
