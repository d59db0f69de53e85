// The arms of a run over fake machines: which are played, which are skipped, and which cannot be set up.
#include <latch>

#include "unit/run/run_fixture.h"

namespace memrig {
namespace {

class ArmSetupTest : public CampaignTest {};

// A host on which no guest is prepared until `meeting` of them are wanted at the same time.
class MeetingHost final : public Host {
public:
    MeetingHost(FakeHost& host, std::ptrdiff_t meeting) : host_(host), all_(meeting) {}
    std::string name() const override { return host_.name(); }
    Result<std::string> version(const Bench& bench) override {
        all_.count_down();
        const Deadline patience = Deadline::after(std::chrono::minutes(1));
        while (!all_.try_wait())
            if (patience.expired()) return fail(Fault::host, "the others did not come");
        return host_.version(bench);
    }
    Result<std::unique_ptr<Machine>> create(const MachineSpec& spec, Deadline deadline) override {
        return host_.create(spec, deadline);
    }
    Result<std::unique_ptr<Machine>> restore(const MachineSpec& spec, const fs::path& file,
                                             Deadline deadline) override {
        return host_.restore(spec, file, deadline);
    }

private:
    FakeHost& host_;
    std::latch all_;
};

TEST_F(ArmSetupTest, AsManyGuestsArePreparedAtATimeAsThereAreJobs) {
    order.scenarios = {"race/virtio-mem-online", "race/acpi-dimm-online"};
    order.jobs = 2;
    MeetingHost host(backend, 2);
    const auto all = run_scenarios(order, host, observer);
    ASSERT_TRUE(all) << all.error().message;
    EXPECT_EQ(all->arms.size(), 2u);
    EXPECT_EQ(backend.created(), 2u);
    EXPECT_EQ(observer.busy.back(), "");
}

TEST_F(ArmSetupTest, NoGuestBootsForAnOrderWithAMistake) {
    order.scenarios = {"race/virtio-mem-online", "race/acpi-dimm-online", "validate/add-undone"};
    order.jobs = 2;
    order.arm = "mutant";
    expect_refused("has no arm \"mutant\"");
    EXPECT_EQ(backend.created(), 0u);
}

TEST_F(ArmSetupTest, AScenarioIsSkippedOnAGuestWithoutTheFeatureThatItNeedsOrWithTheOneThatItMustLack) {
    order.scenarios = {"validate/numa-unplug", "race/acpi-dimm-vcpu", "validate/nvdimm-plug", "validate/veto-prepare",
                       "race/acpi-dimm-online"};
    backend.on_create = [make = backend.on_create](FakeMachine& machine, unsigned number) -> Status {
        machine.guest.files.erase("/sys/devices/system/node/node0");
        machine.guest.files["/sys/devices/system/cpu/possible"] = "0-2\n";
        machine.guest.files["/sys/devices/system/cpu/present"] = "0-2\n";
        return make(machine, number);
    };
    const RunResults all = results();
    ASSERT_EQ(all.arms.size(), 5u);
    EXPECT_EQ(all.arms[0].skipped,
              "this kernel has not NUMA nodes: there is no /sys/devices/system/node/node0 (CONFIG_NUMA)");
    EXPECT_TRUE(all.arms[1].skipped.starts_with("this kernel has not room for a vCPU that is plugged"))
        << all.arms[1].skipped;
    EXPECT_EQ(all.arms[2].skipped, "this kernel has the driver nd_pmem");
    EXPECT_EQ(all.arms[3].skipped, "this kernel has no create_altmaps_and_memory_blocks");
    EXPECT_TRUE(all.arms[3].trials.empty());
    EXPECT_TRUE(all.arms[3].as_expected());
    EXPECT_EQ(all.arms[4].trials.size(), 1u);
}

TEST_F(ArmSetupTest, AKernelThatDoesNotBootOnOneBenchIsReportedAndTheOthersArePlayed) {
    order.scenarios = {"race/virtio-mem-online", "race/acpi-dimm-online"};
    backend.on_create = [make = backend.on_create](FakeMachine& machine, unsigned number) -> Status {
        if (number == 1) machine.guest.greeting = fail(Fault::guest, "it said nothing");
        return make(machine, number);
    };
    const RunResults all = results();
    ASSERT_EQ(all.arms.size(), 2u);
    ASSERT_TRUE(all.arms[0].not_set_up);
    EXPECT_EQ(all.arms[0].bench, "q35-virtio-mem");
    EXPECT_NE(all.arms[0].not_set_up->message.find("the agent did not speak"), std::string::npos);
    EXPECT_TRUE(all.arms[0].trials.empty());
    EXPECT_FALSE(all.arms[0].as_expected());
    EXPECT_FALSE(all.arms[1].not_set_up);
    EXPECT_EQ(all.arms[1].trials.size(), 1u);
    EXPECT_EQ(observer.planned_trials, 1u);
}

TEST_F(ArmSetupTest, OneOfTwoKernelsThatDoesNotBootIsReportedAndNotBootedForEachArm) {
    const fs::path other = directory.path() / "other";
    fs::copy_file(kernel_path(), other);
    order.kernels = {other.string(), kernel_path().string()};
    order.arm = "all";
    backend.on_create = [make = backend.on_create](FakeMachine& machine, unsigned number) -> Status {
        if (number == 1) return fail(Fault::rig, "QEMU ended: exit status 1: it is no kernel");
        return make(machine, number);
    };
    const RunResults all = results();
    ASSERT_EQ(all.arms.size(), 4u);
    for (const std::size_t arm : {0u, 1u}) {
        ASSERT_TRUE(all.arms[arm].not_set_up);
        EXPECT_EQ(all.arms[arm].not_set_up->message, "QEMU ended: exit status 1: it is no kernel");
        EXPECT_EQ(all.arms[arm].trials_asked, 1u);
        EXPECT_EQ(all.arms[arm + 2].trials.size(), 1u);
    }
    EXPECT_EQ(backend.created(), 2u) << "once for each kernel";
    EXPECT_EQ(all.exit_status(), 3) << "the rig could not set up an arm";
}

// As one whose device has no whole number of the kernel's blocks, which shows in the trial alone.
TEST_F(ArmSetupTest, AScenarioThatCannotBePlayedDoesNotEndTheOthers) {
    order.scenarios = {"validate/offline", "race/acpi-dimm-online"};
    order.manner.mode = Mode::free;
    order.trials = 2;
    backend.on_restore = [](FakeMachine& machine, unsigned number) -> Status {
        if (number == 1) machine.probe_status = fail(Fault::user_input, "no whole number of blocks");
        return {};
    };
    const RunResults all = results();
    ASSERT_EQ(all.arms.size(), 2u);
    ASSERT_TRUE(all.arms[0].not_set_up);
    EXPECT_EQ(all.arms[0].not_set_up->message, "no whole number of blocks");
    EXPECT_TRUE(all.arms[0].trials.empty()) << "its second trial is not tried";
    EXPECT_EQ(all.arms[1].trials.size(), 2u);
    EXPECT_NE(all.exit_status(), 2);

    backend.on_restore = [](FakeMachine& machine, unsigned) -> Status {
        machine.probe_status = fail(Fault::user_input, "no whole number of blocks");
        return {};
    };
    order.out = directory.path() / "alone";
    const auto alone = run();
    ASSERT_FALSE(alone);
    EXPECT_EQ(alone.error().fault, Fault::user_input) << "nothing was played";
}

TEST_F(ArmSetupTest, ABenchThatTheKernelDoesNotLetBePreparedIsReported) {
    order.scenarios = {"race/dax-kmem-online", "race/acpi-dimm-online"};
    const RunResults all = results();
    ASSERT_EQ(all.arms.size(), 2u);
    ASSERT_TRUE(all.arms[0].not_set_up) << all.arms[0].skipped;
    EXPECT_EQ(all.arms[0].not_set_up->fault, Fault::guest);
    EXPECT_NE(all.arms[0].not_set_up->message.find("cannot be set up as bench q35-dax wants it"), std::string::npos);
    EXPECT_EQ(all.arms[1].trials.size(), 1u);
    order.scenarios = {"race/dax-kmem-online"};
    order.out = directory.path() / "alone";
    EXPECT_EQ(results().exit_status(), 4) << "nothing was run";
}

// As a kernel that is given by its path, and so has no modules.
TEST_F(ArmSetupTest, AGuestWithoutTheDriverThatAnActorNeedsIsReportedBeforeTheFirstTrial) {
    order.scenarios = {"race/virtio-mem-online", "race/acpi-dimm-online"};
    backend.on_create = [make = backend.on_create](FakeMachine& machine, unsigned number) -> Status {
        machine.guest.files.erase("/sys/bus/virtio/drivers/virtio_mem");
        return make(machine, number);
    };
    for (const bool cached : {false, true}) {
        const RunResults all = results();
        ASSERT_EQ(all.arms.size(), 2u);
        ASSERT_TRUE(all.arms[0].not_set_up) << cached;
        EXPECT_EQ(all.arms[0].not_set_up->fault, Fault::guest);
        EXPECT_NE(all.arms[0].not_set_up->message.find("has not the driver virtio_mem, which adder needs"),
                  std::string::npos)
            << all.arms[0].not_set_up->message;
        EXPECT_TRUE(all.arms[0].trials.empty());
        EXPECT_EQ(all.arms[1].trials.size(), 1u);
        order.out = directory.path() / "again";
    }
    EXPECT_EQ(backend.created(), 2u) << "one on each bench: what the guest showed is kept";
}

TEST_F(ArmSetupTest, AGuestWithoutAcpiHotplugPlaysWhatQemuRefuses) {
    order.scenarios = {"race/acpi-dimm-online", "validate/dimm-too-small"};
    backend.on_create = [make = backend.on_create](FakeMachine& machine, unsigned number) -> Status {
        machine.guest.files.clear();
        return make(machine, number);
    };
    const RunResults all = results();
    ASSERT_EQ(all.arms.size(), 2u);
    ASSERT_TRUE(all.arms[0].not_set_up);
    EXPECT_NE(all.arms[0].not_set_up->line().find("CONFIG_ACPI_HOTPLUG_MEMORY"), std::string::npos);
    EXPECT_FALSE(all.arms[1].not_set_up) << all.arms[1].not_set_up->message;
}

TEST_F(ArmSetupTest, ARigThatSetsUpNothingEndsTheRun) {
    backend.on_create = [](FakeMachine&, unsigned) -> Status { return fail(Fault::host, "no QEMU here"); };
    const auto none = run();
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().fault, Fault::host);
    EXPECT_EQ(none.error().message, "no QEMU here");
}

TEST_F(ArmSetupTest, AMistakeIsFoundBeforeAnythingIsPlayed) {
    order.scenarios = {"race/dax-kmem-online", "race/acpi-dimm-online"};
    order.kernels = {kernel_path().string(), "no-such-kernel"};
    expect_refused("no-such-kernel");
}

// Its emulator is that of machines which are played, and need be none of others.
TEST_F(ArmSetupTest, ScenariosOfOtherMachinesNeedNoEmulator) {
    order.scenarios = {"race/dlpar-vcpu", "validate/dlpar-unplug"};
    order.emulator = "none-of-this-name";
    for (const auto& arm : results().arms) EXPECT_EQ(arm.skipped, "it has no bench for x86_64");
}

TEST_F(ArmSetupTest, AScenarioOfAnotherMachineIsAMistakeUnlessItIsToBeSkipped) {
    order.scenarios = {"race/dlpar-vcpu"};
    expect_refused("is for x86_64");
    order.skip_other_machines = true;
    for (const auto& arm : results().arms) EXPECT_EQ(arm.skipped, "it has no bench for x86_64");
}

TEST_F(ArmSetupTest, OfManyScenariosThoseOfOtherMachinesAreSkipped) {
    order.scenarios = {"race/dlpar-vcpu", "race/acpi-dimm-online"};
    const RunResults all = results();
    ASSERT_EQ(all.arms.size(), 2u);
    EXPECT_EQ(all.arms[0].skipped, "it has no bench for x86_64");
    EXPECT_TRUE(all.arms[0].trials.empty());
    EXPECT_TRUE(all.arms[0].as_expected());
    EXPECT_EQ(all.arms[1].skipped, "");
    EXPECT_EQ(backend.restored(), 2u) << "the first to arm it";
}

}  // namespace
}  // namespace memrig
