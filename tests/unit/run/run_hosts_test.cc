// A run that is spread over hosts, which are fakes.
#include <gmock/gmock.h>

#include "unit/run/run_fixture.h"

namespace memrig {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CampaignHosts : public CampaignTest {
protected:
    void SetUp() override {
        CampaignTest::SetUp();
        order.trials = 6;
        backend.called = "a";
        other.called = "b";
        other.on_create = backend.on_create;
    }
    Result<RunResults> run() override { return run_scenarios(order, {&backend, &other}, observer); }
    // From its n-th trial on, its machines fail, and it does not answer. The first restore of all is to arm the guest.
    static void dies(FakeHost& host, unsigned n) {
        host.on_restore = [n](FakeMachine&, unsigned number) -> Status {
            return number <= n ? Status() : fail(Fault::rig, "its power has failed");
        };
        host.on_question = [&host, n]() -> Status {
            return host.restored() <= n ? Status() : fail(Fault::host, "no route to it");
        };
    }
    static std::vector<unsigned> numbers_of(const ArmResult& arm) {
        std::vector<unsigned> numbers;
        for (const auto& trial : arm.trials) numbers.push_back(trial.number);
        return numbers;
    }

    FakeHost other;
};

TEST_F(CampaignHosts, EachPlaysSome) {
    order.jobs = 2;
    const RunResults all = results();
    ASSERT_EQ(all.hosts.size(), 2u);
    EXPECT_EQ(all.hosts[0].name, "a");
    EXPECT_EQ(all.hosts[0].qemu_version, "fake 1");
    EXPECT_EQ(all.hosts[0].trials + all.hosts[1].trials, 6u);
    EXPECT_EQ(all.hosts[0].trials + 1, backend.restored()) << "each guest is armed once";
    EXPECT_EQ(all.hosts[1].trials + 1, other.restored());
    EXPECT_EQ(numbers_of(all.arms[0]), (std::vector<unsigned>{1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(backend.created(), 1u);
    EXPECT_EQ(other.created(), 1u) << "each has a guest of its own";
}

TEST_F(CampaignHosts, WhichOnePlaysATrialMakesNoDifferenceToIt) {
    order.trials = 4;
    const RunResults both = results();
    order.out = directory.path() / "alone";
    const auto alone = run_scenarios(order, other, observer);
    ASSERT_TRUE(alone);
    EXPECT_TRUE(alone->hosts.empty());
    for (std::size_t i = 0; i < 4; i++) {
        EXPECT_EQ(both.arms[0].trials[i].seed, alone->arms[0].trials[i].seed);
        EXPECT_EQ(both.arms[0].trials[i].choices, alone->arms[0].trials[i].choices);
        EXPECT_EQ(both.arms[0].trials[i].host, "a") << "one job: the first is never busier";
        EXPECT_EQ(alone->arms[0].trials[i].host, "");
    }
}

TEST_F(CampaignHosts, WhatWasAtALostOneIsPlayedOnAnother) {
    dies(backend, 3);
    const RunResults all = results();
    EXPECT_EQ(numbers_of(all.arms[0]), (std::vector<unsigned>{1, 2, 3, 4, 5, 6}));
    for (const auto& trial : all.arms[0].trials) {
        EXPECT_EQ(trial.verdict, Verdict::inconclusive) << "the fake kernel has no symbols to be watched";
        EXPECT_EQ(trial.host, trial.number < 3 ? "a" : "b");
    }
    EXPECT_THAT(observer.lost, ElementsAre("a: no route to it"));
    EXPECT_EQ(all.hosts[0].trials, 2u);
    EXPECT_EQ(all.hosts[0].lost, "no route to it");
    EXPECT_EQ(all.hosts[1].trials, 4u);
    EXPECT_EQ(all.hosts[1].lost, "");
    const fs::path third = order.out / all.arms[0].trials[2].directory;
    EXPECT_TRUE(fs::exists(third.string() + ".lost-1/verdict.json")) << "what it left is kept, beside";
    EXPECT_TRUE(fs::exists(third / "verdict.json"));
    EXPECT_EQ(backend.created(), 1u) << "nobody makes a lost host's guest anew";
}

// The agent of a guest that has no power does not answer, which would be the guest's fault.
TEST_F(CampaignHosts, WhatALostOneMadeInconclusiveIsPlayedOnAnother) {
    bool gone = false;
    backend.on_restore = [&gone](FakeMachine& machine, unsigned) -> Status {
        machine.guest.writer_status = fail(Fault::guest, "the agent did not answer");
        gone = true;
        return {};
    };
    backend.on_question = [&gone]() -> Status { return gone ? fail(Fault::host, "no route to it") : Status(); };
    const RunResults all = results();
    EXPECT_EQ(all.arms[0].trials.size(), 6u);
    EXPECT_EQ(all.hosts[0].trials, 0u);
    EXPECT_EQ(all.hosts[1].trials, 6u);
}

TEST_F(CampaignHosts, OneThatAnswersIsNotLostForAFaultOfTheRig) {
    backend.on_restore = [](FakeMachine&, unsigned) -> Status {
        return fail(Fault::rig, "QEMU ended: killed by SIGKILL");
    };
    const RunResults all = results();
    EXPECT_TRUE(observer.lost.empty());
    EXPECT_EQ(all.arms[0].trials[0].verdict, Verdict::rig_fault);
    EXPECT_EQ(all.exit_status(), 3);
}

TEST_F(CampaignHosts, WhenAllAreLostTheRunIsBrokenOff) {
    dies(backend, 2);
    dies(other, 2);
    const RunResults all = results();
    EXPECT_EQ(numbers_of(all.arms[0]), (std::vector<unsigned>{1, 2})) << "what was measured is kept";
    EXPECT_THAT(all.fault, HasSubstr("no host is left: a: no route to it; b: no route to it"));
    EXPECT_EQ(all.exit_status(), 3);
    EXPECT_THAT(observer.lost, ElementsAre("a: no route to it", "b: no route to it"));
}

TEST_F(CampaignHosts, OneThatIsLostWhileItPreparesPlaysNothing) {
    backend.on_create = [](FakeMachine&, unsigned) -> Status { return fail(Fault::rig, "no machine"); };
    backend.on_question = []() -> Status { return fail(Fault::host, "no route to it"); };
    const RunResults all = results();
    EXPECT_EQ(all.arms[0].trials.size(), 6u);
    EXPECT_EQ(all.hosts[0].trials, 0u);
    EXPECT_EQ(all.hosts[0].lost, "no route to it");
    EXPECT_EQ(all.hosts[1].trials, 6u);
}

TEST_F(CampaignHosts, AKernelThatDoesNotBootIsNoLostHost) {
    backend.on_create = [](FakeMachine&, unsigned) -> Status { return fail(Fault::guest, "it panics"); };
    const RunResults all = results();
    ASSERT_EQ(all.arms.size(), 1u);
    ASSERT_TRUE(all.arms[0].not_set_up);
    EXPECT_THAT(all.arms[0].not_set_up->message, HasSubstr("it panics"));
    EXPECT_TRUE(observer.lost.empty());
}

}  // namespace
}  // namespace memrig
