// A hang is a conviction only with its evidence: a standstill, or a loop that is proven.
#include <gtest/gtest.h>

#include "unit/support/finding_samples.h"

namespace memrig {
namespace {

TEST(JudgeOfHangs, AHangSaysThatNothingIsProven) {
    SampleTrial trial;
    trial.get_stuck();
    for (auto& look : trial.performance.stuck) look.cycle.reset();
    EXPECT_EQ(trial.judged().reason, "2 tasks are blocked and nothing moves, without a proven cycle");
}

// A hang without the evidence of a standstill is none.
TEST(JudgeOfHangs, ATaskThatRanBetweenTheLooksIsNoHang) {
    SampleTrial trial;
    trial.get_stuck();
    for (auto& look : trial.performance.stuck) look.cycle.reset();
    trial.performance.stuck[1].blocked[0].voluntary++;
    EXPECT_EQ(trial.judged().reason,
              "no end to the step: settle (no standstill: kworker/u4:1 (pid 71) ran in between)");
    EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
}

// The tasks may wait for nothing but the rig.
TEST(JudgeOfHangs, NothingMovesWhileTheRigHoldsAnActor) {
    for (const bool loop : {false, true}) {
        SampleTrial trial;
        trial.get_stuck();
        for (auto& look : trial.performance.stuck) look.cycle.reset();
        if (loop) trial.performance.loop = samples::proven_loop();
        EXPECT_EQ(trial.verdict(), Verdict::hang);
        trial.performance.holds.front().released.reset();
        EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
        EXPECT_EQ(trial.judged().reason, "nothing moved while adder was still held at bus_probe_device");
    }
}

TEST(JudgeOfHangs, AProvenLoopIsAHangThatNamesItsPlaceAndItsLocks) {
    SampleTrial trial;
    trial.get_stuck();
    trial.performance.stuck[1].awake = {"offliner"};
    trial.performance.loop = samples::proven_loop();
    const Judgement judgement = trial.judged();
    EXPECT_EQ(judgement.verdict, Verdict::hang);
    EXPECT_EQ(judgement.reason,
              "offliner goes round in offline_pages() and gets nowhere, holding device_hotplug_lock, mem_hotplug_lock: "
              "it entered test_pages_isolated() 50 times in one and the same state, in 32.3 s of the guest's time, and "
              "no lock of its own moved");
    EXPECT_EQ(
        judgement.findings[0].details[0],
        "each pass: test_pages_isolated < offline_pages+0x3a4 < memory_subsys_offline+0x45 < device_offline+0xd3");
}

// Any weaker evidence proves nothing, and the reason says what is missing.
TEST(JudgeOfHangs, ALoopThatIsNotProvenIsNoHang) {
    const auto reason = [](const LoopRecord& loop) {
        SampleTrial trial;
        trial.get_stuck();
        for (auto& look : trial.performance.stuck) look.cycle.reset();
        trial.performance.stuck[1].awake = {"offliner"};
        trial.performance.loop = loop;
        EXPECT_EQ(trial.verdict(), Verdict::inconclusive);
        return trial.judged().reason;
    };
    const std::string begin =
        "no end to the step: settle (no standstill: offliner is at work in the kernel, and not blocked) (no proven "
        "loop: offliner ";
    LoopRecord loop = samples::proven_loop();
    loop.passes--;
    EXPECT_EQ(reason(loop), begin + "entered test_pages_isolated() only 49 times in the same state)");
    loop = samples::proven_loop();
    loop.guest_ms = kLoopMs - 1;
    EXPECT_EQ(reason(loop), begin + "was seen to go round for only 29999 ms of the guest's time)");
    loop = samples::proven_loop();
    loop.lock_events = 1;
    EXPECT_EQ(reason(loop), begin + "goes round, but it uses locks on its way)");
    loop = samples::proven_loop();
    loop.function.clear();
    EXPECT_EQ(reason(loop), begin + "works on in the kernel, and was not seen in the same state again)");
}

}  // namespace
}  // namespace memrig
