// A finding of every kind, as the oracles make them of what they are shown.
#pragma once

#include "base/file.h"
#include "base/paths.h"
#include "unit/support/trial_samples.h"

namespace memrig::samples {

inline constexpr std::uint64_t kWorkerStack = 0xffffc90000020000;
inline constexpr const char* kRig = "QEMU (pid 4711) was killed by signal 9";
inline constexpr const char* kGate = "device_hotplug_lock";
inline constexpr const char* kMemory = "mem_hotplug_lock";
inline constexpr const char* kDevice = "memory32's device lock";

struct Sample {
    std::string name;
    Finding finding;
};

class KeyTrial : public SampleTrial {
public:
    void nest(std::uint64_t task, const std::vector<const char*>& locks, std::vector<std::string> path = {}) {
        for (const auto action : {LockAction::takes, LockAction::releases})
            for (const char* lock : locks) {
                LockEvent event;
                event.task = task;
                event.action = action;
                event.lock = lock;
                event.where = "add_memory_resource+0xc4";
                event.path = path;
                events.push_back(event);
            }
    }
    [[nodiscard]] TrialEvidence evidence() const {
        TrialEvidence all = SampleTrial::evidence();
        all.locks = &events;
        all.rules = RuleEvidence{breaches, {}, {}};
        return all;
    }
    std::vector<LockEvent> events;
    std::vector<RuleBreach> breaches;
};

inline Sample cycle(const std::string& name, bool named) {
    KeyTrial trial;
    trial.get_stuck();
    trial.performance.names = {{kSampleAdder, {"kworker/u12:1", 71}}, {kWorkerStack, {"kworker/0:2", 9}}};
    if (!named) trial.performance.tasks.clear();
    for (auto& sample : trial.performance.stuck) {
        sample.cycle->at(0).wants.path = {"irqentry_exit+0x35", "__device_attach.isra.0+0x2f", "device_add+0x3"};
        sample.cycle->at(1).taken.path = {"add_memory_resource.constprop.0.cold+0x9f", "__add_memory+0x3c"};
        sample.cycle->at(1).wants.where = "?";
    }
    trial.console.held_locks = {{"onliner", 90, "&dev->mutex", "", "device_online+0x1c/0x90"}};
    return {name, *deadlock_oracle(trial.evidence())};
}

inline Sample hang() {
    KeyTrial trial;
    trial.get_stuck();
    for (auto& sample : trial.performance.stuck) {
        sample.cycle.reset();
        sample.blocked.push_back({7, "nowhere", 'D', {"?"}});
        sample.blocked.push_back({8, "other", 'D', {"__schedule", "schedule", "?", "online_pages.cold+0x1/0x2"}});
    }
    return {"hang", *deadlock_oracle(trial.evidence())};
}

inline LoopRecord proven_loop() {
    LoopRecord loop;
    loop.actor = "offliner";
    loop.function = "test_pages_isolated";
    loop.path = {"offline_pages+0x3a4", "memory_subsys_offline+0x45", "device_offline+0xd3"};
    loop.also = {"dissolve_free_huge_pages"};
    loop.passes = kLoopPasses;
    loop.guest_ms = 32'340;
    loop.samples = {"offline_pages+0x2f0 < memory_subsys_offline+0x45"};
    LockEvent taken;
    taken.lock = kGate;
    taken.where = "state_store+0x3a";
    loop.held = {taken};
    taken.lock = kMemory;
    taken.where = "offline_pages+0xc3";
    loop.held.push_back(taken);
    return loop;
}

// Version 0.1.0 had no such finding.
inline Sample loop() {
    KeyTrial trial;
    trial.get_stuck();
    trial.performance.loop = proven_loop();
    return {"loop", *deadlock_oracle(trial.evidence())};
}

inline Sample rule(const std::string& name, RuleBreach breach, const TaskName& task) {
    KeyTrial trial;
    trial.performance.names[breach.task] = task;
    trial.breaches = {std::move(breach), {"R3", "memory_subsys_online", kGate, kSampleOnliner, {"a+0x1"}, {}}};
    return {name, *rules_oracle(trial.evidence())};
}

inline Sample inversion(const std::string& name, const std::vector<const char*>& gates) {
    KeyTrial trial;
    std::vector<const char*> one = gates, other = gates;
    one.insert(one.end(), {kMemory, kDevice});
    other.insert(other.end(), {kDevice, kMemory});
    trial.performance.names = {{kWorkerStack, {"kworker/u6:2", 43}}};
    trial.nest(kWorkerStack, one);
    trial.nest(kSampleOnliner, other);
    trial.nest(kSampleAdder, one);
    return {name, *lock_order_oracle(trial.evidence())};
}

inline Sample claimed_order() {
    KeyTrial trial;
    trial.schedule.lock_order = {{kGate, kMemory}};
    trial.nest(kSampleOnliner, {kMemory}, {"mutex_lock+0x4", "mem_hotplug_begin+0x15", "online_pages+0x1", "b+0x2"});
    return {"claimed order", *lock_order_oracle(trial.evidence())};
}

inline Sample crash(const std::string& name, const std::string& function, bool printed) {
    KeyTrial trial;
    trial.crash(function.empty() ? "" : "onliner");
    if (printed)
        trial.print(ConsoleFindingKind::oops, "BUG: unable to handle page fault for address: fffffb8ec4000408",
                    function);
    return {name, *crash_oracle(trial.evidence())};
}

inline Sample printed(const std::string& name, ConsoleFindingKind kind, const std::string& headline) {
    KeyTrial trial;
    trial.print(kind, headline);
    trial.console.findings[0].stack = {"dump_stack_lvl", "print_circular_bug", "a.part.0+0x1/0x2", "b", "b", "c", "d"};
    return {name, *console_oracle(trial.evidence())};
}

inline Sample gated_report() {
    KeyTrial trial;
    trial.console = parse_console(
        read_file(home_directory() / "tests/golden/console/lockdep-circular-gated-6.12-amd64.txt").value());
    trial.nest(kSampleAdder, {kGate, kMemory});
    return {"gated report", *console_oracle(trial.evidence())};
}

inline Sample accounting() {
    KeyTrial trial;
    trial.performance.after->blocks.pop_back();
    trial.performance.overtaking = {"remover did not wait for the page 0x20000 of memory32, pid 7"};
    return {"accounting", *accounting_oracle(trial.evidence())};
}

inline Sample evidence() {
    KeyTrial trial;
    trial.performance.holds.clear();
    trial.performance.evidence.clear();
    return {"evidence", *evidence_oracle(trial.evidence())};
}

inline std::vector<Sample> findings() {
    return {
        cycle("cycle", true),
        cycle("cycle of tasks without actors", false),
        hang(),
        rule("rule",
             {"R1",
              "add_memory_resource",
              kGate,
              kSampleAdder,
              {"irqentry_exit+0x35", "__add_memory.constprop.0+0x3a", "acpi_memory_device_add+0x18b", "c+0x1"},
              {kDevice}},
             {"kworker/u12:1", 37}),
        rule("rule, pid unknown", {"R2", "try_remove_memory", kGate, kSampleAdder, {}, {}}, {"kworker/u12:1", -1}),
        rule("rule of another task",
             {"R5",
              "memory_subsys_online",
              "memory32 is being added",
              kSampleOnliner,
              {"device_online+0x6c"},
              {kDevice},
              kSampleAdder},
             {"onliner", 155}),
        rule("rule of a notifier",
             {"N3",
              "memory_notify",
              "",
              kWorkerStack,
              {"online_pages+0x1"},
              {},
              0,
              "with MEM_ONLINE: 32768 pages from 0x100000 on (not 8)"},
             {"kworker/0:2", 9}),
        inversion("inversion", {}),
        inversion("inversion with a gate", {kGate}),
        inversion("inversion with two gates", {kGate, "acpi_scan_lock"}),
        claimed_order(),
        crash("crash", "zone_for_pfn_range", true),
        crash("crash nowhere", "", true),
        crash("crash path entered", "panic", false),
        printed("lockdep", ConsoleFindingKind::lockdep, "WARNING: possible recursive locking detected"),
        printed("hung task", ConsoleFindingKind::hung_task,
                "INFO: task kworker/0:1:9 blocked for more than 120 seconds."),
        printed("warning", ConsoleFindingKind::warning, "WARNING: CPU: 2 PID: 56 at mm/slub.c:123 f+0x2d/0x40"),
        gated_report(),
        accounting(),
        evidence(),
        {"rig", {"rig", Verdict::rig_fault, kRig, {}, SentenceKey{kRig}}},
    };
}

}  // namespace memrig::samples
