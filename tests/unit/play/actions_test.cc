// Actions that need no QEMU: a pinned page, and the threads that should wait for it.
#include <gtest/gtest.h>

#include "machine/fake_machine.h"
#include "play/actions.h"

namespace memrig {
namespace {

Bench x86_bench() {
    Bench bench;
    bench.arch = "x86_64";
    return bench;
}

constexpr std::uint64_t kBlockBytes = 128ull << 20;
constexpr std::uint64_t kPagesOfBlock = kBlockBytes / 4096;

// An offliner should stall on the page that the pinner keeps.
class PinTest : public ::testing::Test {
protected:
    PinTest() {
        machine.guest.pinned_pfn = 32 * kPagesOfBlock + 5;
        record.note_plugged("adder", {32, 33});
    }
    static Schedule pinned_schedule() {
        Schedule schedule;
        Actor pinner, offliner;
        pinner.name = "pinner";
        pinner.kind = ActorKind::pinner;
        offliner.name = "offliner";
        offliner.kind = ActorKind::offliner;
        schedule.actors = {pinner, offliner};
        Step await;
        await.kind = StepKind::await;
        await.actor = "offliner";
        await.any = {{Observation::Kind::stalled, "isolate_migratepages_block"}};
        schedule.steps = {await};
        return schedule;
    }
    [[nodiscard]] const Actor& pinner() const { return schedule.actors[0]; }
    [[nodiscard]] const Performance& seen() const { return record.performance(); }

    Schedule schedule = pinned_schedule();
    FakeMachine machine{x86_bench()};
    Conductor conductor{machine.stub, machine.stub.architecture().kernel_stack_bytes};
    Timeline timeline{SteadyTime{}};
    Record record{timeline, {}};
    Roster roster{schedule, machine.guest, record};
    PlayContext context{machine, conductor, roster, record, kBlockBytes};
    Writers writers{context, {}};
    Actions actions{context, writers};
};

TEST_F(PinTest, ThePageIsHeldUntilItIsLetGo) {
    ASSERT_TRUE(actions.start(pinner()));
    EXPECT_TRUE(roster.has_started("pinner"));
    ASSERT_EQ(seen().holds.size(), 1u);
    EXPECT_EQ(seen().holds[0].block, 32u);
    EXPECT_EQ(seen().holds[0].pfn, 32 * kPagesOfBlock + 5);
    EXPECT_FALSE(seen().holds[0].released);
    ASSERT_TRUE(actions.let_page_go(pinner()));
    EXPECT_TRUE(seen().holds[0].released);
    EXPECT_TRUE(seen().overtaking.empty()) << "the offliner has not finished";
    EXPECT_EQ(machine.guest.requests(), (std::vector<std::string>{"pin-page pinner", "unpin-page pinner"}));
    ASSERT_TRUE(actions.let_page_go(pinner())) << "it is released already";
}

TEST_F(PinTest, AnActorThatHasFinishedDidNotWaitForThePage) {
    ASSERT_TRUE(actions.start(pinner()));
    roster.note_start("offliner");
    roster.set_work("offliner", 1);
    machine.guest.report({"offliner", 32, 0, SteadyTime{}});
    ASSERT_TRUE(actions.let_page_go(pinner()));
    EXPECT_EQ(seen().overtaking,
              std::vector<std::string>{"offliner did not wait for pinner, which kept a page of memory32 pinned"});
}

TEST_F(PinTest, FilledMemoryHasToLieInTheBlocks) {
    Actor filler;
    filler.name = "load";
    filler.kind = ActorKind::filler;
    filler.bytes = 48u << 20;
    schedule.actors.push_back(filler);
    ASSERT_TRUE(actions.start(filler));
    EXPECT_TRUE(roster.finished(filler));
    EXPECT_EQ(timeline.sorted().back().text, "48 MiB, 512 pages of it in memory32 to memory33");
    machine.guest.filled_pages = std::uint64_t{0};
    const Status started = actions.start(filler);
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().message, "load filled 48 MiB, and none of it in memory32 to memory33");
}

TEST_F(PinTest, APageOfNoPluggedBlockIsAnError) {
    machine.guest.pinned_pfn = 34 * kPagesOfBlock;
    const Status started = actions.start(pinner());
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().message, "pinner pinned page frame 0x110000, which is none of memory32 to memory33");
    EXPECT_TRUE(seen().holds.empty());
}

}  // namespace
}  // namespace memrig
