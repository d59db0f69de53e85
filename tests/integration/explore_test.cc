// Explore mode on real kernels: clean to the end on the control, and the crash or the deadlock found without being told
// where to hold; what was found plays again; a run that was broken off goes on. And free mode, which nobody schedules.
#include <gtest/gtest.h>

#include "base/file.h"
#include "integration/quiet_observer.h"
#include "run/replay.h"

namespace memrig {
namespace {

class Explore : public testing::Test {
protected:
    void SetUp() override {
        auto made = TemporaryDirectory::make("memrig-explore");
        ASSERT_TRUE(made);
        directory = std::make_unique<TemporaryDirectory>(*std::move(made));
        order.accelerator = "tcg";
        order.jobs = 2;
        order.manner.mode = Mode::explore;
        order.out = directory->path() / "run";
    }
    RunResults run() {
        auto results = run_scenarios(order, *backend, observer);
        EXPECT_TRUE(results) << results.error().line();
        return results.value_or(RunResults());
    }
    // A trial may say that its order was not played to its end. This is rare, and here it would hide the result.
    static void expect_complete(const ArmResult& arm) {
        ASSERT_TRUE(arm.explored);
        EXPECT_EQ(arm.trials.size(), arm.explored->known);
        EXPECT_GE(arm.explored->points.size(), 10u);
    }

    std::unique_ptr<TemporaryDirectory> directory;
    std::unique_ptr<Host> backend = make_qemu_backend();
    test::QuietObserver observer;
    RunSpec order;
};

TEST_F(Explore, ControlIsCleanAndTheMutantIsConvictedAtTwoPreemptions) {
    order.scenarios = {"race/acpi-dimm-online"};
    const RunResults results = run();
    EXPECT_EQ(results.exit_status(), 0);
    ASSERT_EQ(results.arms.size(), 2u);
    for (const auto& arm : results.arms) expect_complete(arm);
    for (const auto& trial : results.arms[0].trials) EXPECT_EQ(trial.verdict, Verdict::held) << trial.reason;
    EXPECT_GT(results.arms[1].convicted(), 0u);
    EXPECT_GT(results.arms[1].trials.size(), results.arms[0].trials.size()) << "the gate makes orders impossible";

    const auto oops = std::ranges::find(results.arms[1].trials, Verdict::oops, &TrialResult::verdict);
    ASSERT_NE(oops, results.arms[1].trials.end());
    EXPECT_FALSE(oops->order.empty()) << "it takes a switch";
    const auto replay =
        replay_trial({order.out / oops->directory, "", "", 2, directory->path() / "replay"}, *backend, observer);
    ASSERT_TRUE(replay) << replay.error().line();
    EXPECT_TRUE(replay->same_verdict());
    EXPECT_TRUE(replay->warnings.empty());
}

// One preemption: both arms to their ends take half a minute by emulation.
TEST_F(Explore, ControlIsCleanAndTheMutantIsConvictedOnPseriesToo) {
    order.scenarios = {"race/acpi-dimm-online"};
    order.kernels = {"debian-6.1-ppc64el"};
    order.manner.preemptions = 1;
    order.stop_at_first = true;
    const RunResults results = run();
    EXPECT_EQ(results.exit_status(), 0);
    ASSERT_EQ(results.arms.size(), 2u);
    expect_complete(results.arms[0]);
    for (const auto& trial : results.arms[0].trials) EXPECT_EQ(trial.verdict, Verdict::held) << trial.reason;
    ASSERT_FALSE(results.arms[1].trials.empty());
    EXPECT_EQ(results.arms[1].trials.back().verdict, Verdict::oops) << results.arms[1].trials.back().reason;
    EXPECT_FALSE(results.arms[1].trials.back().order.empty()) << "it takes a switch";
}

TEST_F(Explore, FindsTheDeadlockAndStopsThere) {
    order.scenarios = {"race/acpi-dimm-online-nonuma"};
    order.kernels = {"debian-6.12-amd64"};
    order.arm = "mutant";
    order.jobs = 1;
    order.stop_at_first = true;
    const RunResults results = run();
    EXPECT_EQ(results.exit_status(), 0);
    const ArmResult& arm = results.arms.at(0);
    ASSERT_FALSE(arm.trials.empty());
    EXPECT_EQ(arm.trials.back().verdict, Verdict::deadlock) << arm.trials.back().reason;
    EXPECT_TRUE(arm.explored->stopped_at_first);
    EXPECT_LT(arm.trials.size(), arm.explored->known);
}

TEST_F(Explore, GoesOnWhereItWasBrokenOff) {
    order.scenarios = {"race/acpi-dimm-online"};
    order.arm = "control";
    order.manner.preemptions = 1;
    order.jobs = 1;
    order.trials = 2;  // of which there are more
    const RunResults first = run();
    ASSERT_EQ(first.arms.at(0).trials.size(), 2u);
    order.trials = 0;
    order.resume = true;
    const RunResults second = run();
    EXPECT_EQ(second.exit_status(), 0);
    expect_complete(second.arms.at(0));
    EXPECT_GT(second.arms[0].trials.size(), 2u);
    std::set<unsigned> numbers;
    for (const auto& trial : second.arms[0].trials) EXPECT_TRUE(numbers.insert(trial.number).second) << "twice";
    // With another bound, it is another exploration.
    order.manner.preemptions = 0;
    const auto other = run_scenarios(order, *backend, observer);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().fault, Fault::user_input);
}

TEST_F(Explore, FreeModeSchedulesNothingAndProvesNothing) {
    order.manner.mode = Mode::free;
    order.scenarios = {"race/acpi-dimm-online"};
    order.trials = 3;
    const RunResults results = run();
    EXPECT_EQ(results.exit_status(), 0);
    for (const auto& arm : results.arms)
        for (const auto& trial : arm.trials)
            EXPECT_TRUE(trial.verdict == Verdict::inconclusive ||
                        (!arm.is_control() && (trial.verdict == Verdict::oops || trial.verdict == Verdict::deadlock ||
                                               trial.verdict == Verdict::hang)))
                << arm.arm << ": " << to_string(trial.verdict) << ": " << trial.reason;
}

// An override that never fired: such a trial is no trial in which the race did not come.
TEST_F(Explore, FreeModeDoesNotCountATrialThatWasNoMutant) {
    auto text = read_file(fs::path(MEMRIG_TEST_DATA) / ".." / "scenarios" / "validate" / "acpi-dimm-lock-order.toml");
    ASSERT_TRUE(text);
    const std::string from = "from = 32768";
    const auto at = text->find(from);
    ASSERT_NE(at, std::string::npos);
    text->replace(at, from.size(), "from = 99");
    const fs::path scenario = directory->path() / "never.toml";
    ASSERT_TRUE(write_file(scenario, *text));
    order.manner.mode = Mode::free;
    order.scenarios = {scenario.string()};
    order.arm = "miscounted";
    order.trials = 1;
    EXPECT_EQ(run().exit_status(), 1);
}

}  // namespace
}  // namespace memrig
