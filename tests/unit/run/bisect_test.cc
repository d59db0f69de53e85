// A step of a bisection: when trials decide, what each end tells git, and what is told apart on the way there.
#include <gmock/gmock.h>

#include "kernel/builder.h"
#include "run/bisect.h"
#include "unit/support/cache_fixture.h"
#include "unit/support/fake_build_tools.h"

namespace memrig {
namespace {

using testing::HasSubstr;

TrialResult trial(Verdict verdict, unsigned number = 1) {
    TrialResult result;
    result.number = number;
    result.verdict = verdict;
    result.as_expected = verdict == Verdict::held;
    result.reason = "because";
    return result;
}

// Feeds the trials until they decide; the number of those that were needed.
unsigned feed(BisectTally& tally, const std::vector<Verdict>& verdicts) {
    unsigned number = 0;
    for (const Verdict verdict : verdicts) {
        if (tally.settled()) break;
        tally.take(trial(verdict, ++number));
    }
    return number;
}

std::vector<Verdict> times(unsigned n, Verdict verdict) { return std::vector<Verdict>(n, verdict); }

TEST(BisectRule, AsksForAsManyTrialsAsTheDoubtNeeds) {
    EXPECT_EQ((BisectRule{0.99, 0.5, 0}).needed(), 7u);  // 0.5^7 = 0.8%
    EXPECT_EQ((BisectRule{0.99, 0.9, 0}).needed(), 2u);  // 0.1^2 = 1%
    EXPECT_EQ((BisectRule{0.999, 0.05, 0}).needed(), 135u);
    EXPECT_EQ((BisectRule{0.99, 1.0, 0}).needed(), 1u);
    EXPECT_EQ((BisectRule{0.99, 0.5, 0}).most(), 21u);
    EXPECT_EQ((BisectRule{0.99, 0.5, 9}).most(), 9u);
}

TEST(BisectTally, OneConvictionIsProof) {
    BisectTally tally({});
    EXPECT_EQ(feed(tally, {Verdict::held, Verdict::inconclusive, Verdict::oops, Verdict::held}), 3u);
    EXPECT_EQ(tally.outcome(), StepOutcome::bad);
    EXPECT_EQ(tally.confidence(), 1);
    EXPECT_EQ(tally.reason(), "trial 3: oops: because");
    // If two trials end at the same time, the other may be a fault of the rig.
    for (int i = 0; i < 3; i++) tally.take(trial(Verdict::rig_fault));
    EXPECT_EQ(tally.outcome(), StepOutcome::bad);
}

TEST(BisectTally, GoodTakesAsManyAsTheConfidenceAsksFor) {
    BisectTally tally({});
    EXPECT_EQ(feed(tally, times(6, Verdict::held)), 6u);
    EXPECT_FALSE(tally.settled());
    EXPECT_EQ(tally.outcome(), StepOutcome::undecided);
    EXPECT_NEAR(tally.confidence(), 0.984, 0.001);
    EXPECT_EQ(feed(tally, times(9, Verdict::held)), 1u);
    EXPECT_EQ(tally.outcome(), StepOutcome::good);
    EXPECT_NEAR(tally.confidence(), 0.992, 0.001);
    EXPECT_THAT(tally.reason(), HasSubstr("7 of 7 trials as expected, 7 needed"));
}

TEST(BisectTally, WhatProvesNothingCountsForNothing) {
    BisectTally tally({});
    EXPECT_EQ(feed(tally, times(100, Verdict::inconclusive)), 21u);
    EXPECT_TRUE(tally.settled());
    EXPECT_EQ(tally.outcome(), StepOutcome::undecided);
    EXPECT_EQ(tally.confidence(), 0);
}

TEST(BisectTally, TooFewTrialsDecideNothing) {
    BisectTally tally({0.99, 0.5, 5});
    EXPECT_EQ(feed(tally, times(100, Verdict::held)), 5u);
    EXPECT_EQ(tally.outcome(), StepOutcome::undecided);
}

TEST(BisectTally, OneBrokenTrialIsAnAccidentThreeAreNot) {
    BisectTally tally({});
    std::vector<Verdict> verdicts = times(2, Verdict::rig_fault);
    verdicts.insert(verdicts.end(), 7, Verdict::held);
    feed(tally, verdicts);
    EXPECT_EQ(tally.outcome(), StepOutcome::good);
    BisectTally broken({});
    EXPECT_EQ(feed(broken, times(9, Verdict::rig_fault)), 3u);
    EXPECT_EQ(broken.outcome(), StepOutcome::rig_fault);
}

// git-bisect(1), "bisect run": 0 good, 1 to 127 bad but for 125, above that the bisection ends.
TEST(StepOutcome, TellsGitWhatItIs) {
    EXPECT_EQ(exit_status_of(StepOutcome::good), 0);
    EXPECT_EQ(exit_status_of(StepOutcome::bad), 1);
    EXPECT_EQ(exit_status_of(StepOutcome::undecided), 125);
    EXPECT_EQ(exit_status_of(StepOutcome::untestable), 125);
    EXPECT_EQ(exit_status_of(StepOutcome::rig_fault), 128);
    EXPECT_EQ(exit_status_of(StepOutcome::interrupted), 130);
    EXPECT_EQ(outcome_of({Fault::guest, "it panics", {}}), StepOutcome::untestable);
    EXPECT_EQ(outcome_of({Fault::user_input, "error: no semicolon", {}}), StepOutcome::untestable);
    EXPECT_EQ(outcome_of({Fault::rig, "QEMU is gone", {}}), StepOutcome::rig_fault);
    EXPECT_EQ(outcome_of({Fault::host, "the disk is full", {}}), StepOutcome::rig_fault);
    EXPECT_EQ(outcome_of({Fault::interrupted, "interrupted", {}}), StepOutcome::interrupted);
}

class SilentObserver final : public RunObserver {
    void busy_with(const std::string&) override {}
    void planned(unsigned) override {}
    void trial_done(const ArmResult&, const TrialResult&) override {}
};

// With a make-believe toolchain and machine; the trials themselves are those of the reference test.
class StepOfABisection : public WithCache {
protected:
    void SetUp() override {
        WithCache::SetUp();
        for (const char* file : {"Makefile", "Kbuild", "Kconfig", "scripts/Kconfig.include"}) put(file, "");
        put("Kconfig", "config SMP\n");
        put("mm/memory_hotplug.c", "lock\n");
        ASSERT_TRUE(write_file(config(), "CONFIG_SMP=y\n"));
        order.scenario = "acpi-dimm-online";
        order.source = source();
        order.configs = {config()};
        order.accelerator = "tcg";
    }
    void put(const std::string& file, const std::string& text) const {
        fs::create_directories((source() / file).parent_path());
        ASSERT_TRUE(write_file(source() / file, text));
    }
    fs::path source() const { return directory.path() / "linux"; }
    fs::path config() const { return directory.path() / "my.config"; }
    Result<BisectStep> step() { return bisect_step(order, tools, backend, observer); }
    StepOutcome outcome() {
        const auto done = step();
        EXPECT_TRUE(done) << done.error().line();
        return done ? done->outcome : StepOutcome::good;
    }
    bool objects_are_kept() {
        const auto place = KernelBuilder(tools, directory.path() / "cache").place_of({source(), {config()}, "x"});
        return place && fs::exists(*place / "whole") && fs::exists(*place / "build/.config");
    }

    BisectSpec order;
    test::FakeBuildTools tools{directory.path() / "no-package"};
    SilentObserver observer;
};

TEST_F(StepOfABisection, ACommitThatDoesNotBuildIsSkippedAndTheObjectsAreKept) {
    tools.failing = {"bzImage"};
    const auto done = step();
    ASSERT_TRUE(done) << done.error().line();
    EXPECT_EQ(done->outcome, StepOutcome::untestable);
    EXPECT_THAT(done->reason, HasSubstr("error: what is this"));
    EXPECT_EQ(backend.created(), 0u);
    EXPECT_TRUE(objects_are_kept());
}

TEST_F(StepOfABisection, AFullDiskEndsTheBisection) {
    tools.full_disk_in = {"bzImage"};
    EXPECT_EQ(outcome(), StepOutcome::rig_fault);
    EXPECT_FALSE(objects_are_kept());
}

TEST_F(StepOfABisection, CtrlCEndsTheBisection) {
    tools.interrupted = {"bzImage"};
    EXPECT_EQ(outcome(), StepOutcome::interrupted);
    EXPECT_FALSE(objects_are_kept());
}

TEST_F(StepOfABisection, AKernelThatDoesNotBootIsSkipped) {
    backend.on_create = [](FakeMachine& machine, unsigned) -> Status {
        machine.guest.greeting = std::unexpected(Error{Fault::guest, "it said nothing", {}});
        return {};
    };
    const auto done = step();
    ASSERT_TRUE(done) << done.error().line();
    EXPECT_EQ(done->outcome, StepOutcome::untestable);
    EXPECT_THAT(done->reason, HasSubstr("the agent did not speak"));
}

TEST_F(StepOfABisection, AQemuThatDoesNotStartEndsTheBisection) {
    backend.on_create = [](FakeMachine&, unsigned) -> Status { return fail(Fault::rig, "QEMU did not start"); };
    EXPECT_EQ(outcome(), StepOutcome::rig_fault);
}

TEST_F(StepOfABisection, TheGuestOfAStepIsNotKept) {
    (void)step();
    EXPECT_EQ(backend.created(), 1u);
    EXPECT_EQ(saved(), 0u);
}

// A mistake that every commit has must not look like a commit that cannot be tested.
TEST_F(StepOfABisection, TheTreeIsBuiltForItsArchitecture) {
    order.arch = "aarch64";
    tools.failing = {"Image"};
    EXPECT_EQ(outcome(), StepOutcome::untestable);
    EXPECT_THAT(tools.made_with, testing::Contains("ARCH=arm64"));
    order.configs.clear();
    for (const KbuildArch& arch : kbuild_arches()) {
        order.arch = arch.machine;
        EXPECT_TRUE(step()) << arch.machine << " has the fragments of a reference kernel";
    }
}

TEST_F(StepOfABisection, BadInputIsNoOutcome) {
    const BisectSpec good = order;
    const auto refused = [&](const char* words) {
        const auto done = step();
        EXPECT_FALSE(done) << words;
        const Error error = done ? Error{} : done.error();
        EXPECT_EQ(error.fault, Fault::user_input) << words;
        EXPECT_THAT(error.message, HasSubstr(words));
        order = good;
    };
    order.arm = "no-such";
    refused("has no arm \"no-such\"");
    order.scenario = "no-such";
    refused("no-such");
    order.bench = "no-such";
    refused("no-such");
    order.configs = {directory.path() / "gone"};
    refused("gone");
    order.source = directory.path();
    refused("is not the source of a kernel");
    order.out = source();
    refused("is not empty");
    EXPECT_TRUE(tools.ran.empty());
}

}  // namespace
}  // namespace memrig
