// The judge on what lockdep printed: a cycle that device_hotplug_lock gates is told, any other one convicts.
#include <gtest/gtest.h>

#include "unit/support/golden_file.h"
#include "unit/support/trial_samples.h"

namespace memrig {
namespace {

constexpr const char* kGate = "device_hotplug_lock";
constexpr const char* kMemory = "mem_hotplug_lock";

// The kernel's own words: a DIMM's removal drains the attribute that a writer used to online a block.
class LockdepTrial : public SampleTrial {
public:
    LockdepTrial() {
        console = parse_console(golden_case("console/lockdep-circular-gated-6.12-amd64.txt").input);
        EXPECT_EQ(console.findings.size(), 1u);
    }
    ConsoleFinding& report() { return console.findings.front(); }
    void take(std::uint64_t task, const std::vector<std::string>& locks) {
        for (const auto action : {LockAction::takes, LockAction::releases})
            for (const auto& lock : locks) {
                LockEvent event;
                event.task = task;
                event.action = action;
                event.lock = lock;
                events_.push_back(event);
            }
    }
    [[nodiscard]] Finding finding() const {
        TrialEvidence evidence = SampleTrial::evidence();
        evidence.locks = &events_;
        return console_oracle(evidence).value_or(Finding{});
    }

private:
    std::vector<LockEvent> events_;
};

TEST(JudgeLockdep, ACycleThatTheGateMakesHarmlessIsToldAsHeld) {
    LockdepTrial trial;
    trial.take(kSampleAdder, {kGate, kMemory});
    const Finding finding = trial.finding();
    EXPECT_EQ(finding.verdict, Verdict::held);
    EXPECT_NE(finding.summary.find("gated by device_hotplug_lock"), std::string::npos) << finding.summary;
    EXPECT_EQ(finding.details.size(), 3u);
}

TEST(JudgeLockdep, WithoutALedgerNothingShowsTheGate) {
    const LockdepTrial trial;
    EXPECT_EQ(console_oracle(static_cast<const SampleTrial&>(trial).evidence())->verdict, Verdict::lock_order);
    EXPECT_EQ(trial.finding().verdict, Verdict::lock_order) << "nobody was seen taking either";
}

TEST(JudgeLockdep, OneWhoTakesTheLockWithoutTheGateMakesItReal) {
    LockdepTrial trial;
    trial.take(kSampleAdder, {kGate, kMemory});
    trial.take(kSampleOnliner, {kMemory});
    EXPECT_EQ(trial.finding().verdict, Verdict::lock_order);
}

TEST(JudgeLockdep, AReportedTaskThatDoesNotHoldTheGateMakesItReal) {
    LockdepTrial trial;
    trial.take(kSampleAdder, {kGate, kMemory});
    std::erase_if(trial.report().held, [](const HeldLockDump& lock) { return lock.lock_class == kGate; });
    // Nothing else shows the gate of the remover's own dependency.
    std::erase(trial.report().chain.back().stack, "try_remove_memory");
    EXPECT_EQ(trial.finding().verdict, Verdict::lock_order);
}

TEST(JudgeLockdep, ADependencyFromElsewhereMakesItReal) {
    LockdepTrial trial;
    trial.take(kSampleAdder, {kGate, kMemory});
    for (auto& link : trial.report().chain)
        std::erase_if(link.stack, [](const std::string& function) {
            return function == "mem_hotplug_begin" || function == "memory_subsys_online";
        });
    EXPECT_EQ(trial.finding().verdict, Verdict::lock_order);
}

// mem_hotplug_begin() ends with percpu_down_write(), and the compiler may make that a jump. Then its caller shows.
TEST(JudgeLockdep, ACallerOfMemHotplugBeginShowsTheGateAsWell) {
    for (const std::string caller : {"__offline_pages", "offline_pages.constprop.0", "online_pages",
                                     "memory_subsys_online", "memory_subsys_offline", "add_memory_resource"}) {
        LockdepTrial trial;
        trial.take(kSampleAdder, {kGate, kMemory});
        trial.report().chain[1].stack = {"percpu_down_write", caller, "do_syscall_64"};
        EXPECT_EQ(trial.finding().verdict, Verdict::held) << caller;
    }
}

// The writer takes cpu_hotplug_lock and mem_hotplug_lock in one go. One task makes both dependencies.
TEST(JudgeLockdep, TwoDependenciesOfOnePassAreOneTask) {
    LockdepTrial trial;
    trial.take(kSampleAdder, {kGate, kMemory});
    auto& chain = trial.report().chain;
    chain[0].stack = chain[1].stack;
    chain[0].stack.front() = "percpu_down_write";
    EXPECT_EQ(trial.finding().verdict, Verdict::held) << "the remover is the other pass";
    std::erase_if(trial.report().held, [](const HeldLockDump& lock) { return lock.lock_class == kGate; });
    std::erase(chain.back().stack, "try_remove_memory");
    EXPECT_EQ(trial.finding().verdict, Verdict::lock_order);
}

TEST(JudgeLockdep, TheReportedTaskMayBeOnThePassOfAnotherDependency) {
    LockdepTrial trial;
    trial.take(kSampleAdder, {kGate, kMemory});
    auto& chain = trial.report().chain;
    chain.back().stack = {"lock_acquire", "kobject_uevent", "device_online",
                          "state_store",  "do_syscall_64",  "entry_SYSCALL_64_after_hwframe"};
    EXPECT_EQ(trial.finding().verdict, Verdict::lock_order);
}

// acpi_scan_hot_remove() offlines and removes under one hold of the gate.
TEST(JudgeLockdep, BothStagesOfARemovalAreOnePass) {
    LockdepTrial trial;
    trial.take(kSampleAdder, {kGate, kMemory});
    auto& chain = trial.report().chain;
    chain[1].stack = {"mem_hotplug_begin", "memory_subsys_offline", "device_offline",
                      "acpi_bus_offline",  "acpi_device_hotplug",   "acpi_hotplug_work_fn",
                      "process_one_work",  "worker_thread",         "kthread",
                      "ret_from_fork",     "ret_from_fork_asm"};
    EXPECT_EQ(trial.finding().verdict, Verdict::lock_order);
}

TEST(JudgeLockdep, APathThatDoesNotTakeTheGateIsNotUnderIt) {
    for (const std::string outer : {"kernel_init", "start_kernel", "memremap_pages", "memunmap_pages"}) {
        LockdepTrial trial;
        trial.take(kSampleAdder, {kGate, kMemory});
        trial.report().chain[1].stack = {"percpu_down_write", "mem_hotplug_begin", outer, "ret_from_fork"};
        EXPECT_EQ(trial.finding().verdict, Verdict::lock_order) << outer;
    }
}

TEST(JudgeLockdep, AReportThatWasCutShortIsNotExcused) {
    LockdepTrial trial;
    trial.take(kSampleAdder, {kGate, kMemory});
    trial.report().complete = false;
    EXPECT_EQ(trial.finding().verdict, Verdict::lock_order);
}

TEST(JudgeLockdep, AnotherReportBesideItStillConvicts) {
    LockdepTrial trial;
    trial.take(kSampleAdder, {kGate, kMemory});
    trial.print(ConsoleFindingKind::lockdep, "WARNING: possible recursive locking detected");
    const Finding finding = trial.finding();
    EXPECT_EQ(finding.verdict, Verdict::lock_order);
    EXPECT_NE(finding.summary.find("recursive"), std::string::npos);
}

}  // namespace
}  // namespace memrig
