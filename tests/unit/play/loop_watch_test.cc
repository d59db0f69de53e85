// The loop watch, over a FakeProbe: what proves that a task goes round in the kernel, and what does not.
#include <gtest/gtest.h>

#include "machine/fake_machine.h"
#include "play/loop_watch.h"

namespace memrig {
namespace {

using namespace std::string_literals;

constexpr std::uint64_t kLoopText = 0xffffffff81000000;
constexpr std::uint64_t kLoopCallee = kLoopText + 0x200;
constexpr std::uint64_t kLoopTask = 0xffffc90000004000;
constexpr std::uint64_t kLoopStack = kLoopTask + 0x3e00;

Bench loop_watch_x86_bench() {
    Bench bench;
    bench.arch = "x86_64";
    return bench;
}

// The offliner's task is in offline_pages(), which calls test_pages_isolated().
class LoopWatchTest : public ::testing::Test {
protected:
    LoopWatchTest() {
        Casting casting;
        casting.vcpus = {{"offliner", 1}};
        roster.assign(casting);
        roster.note_start("offliner");
        roster.set_work("offliner", 1);
        record.note_task("offliner", kLoopTask);
        machine.guest.clock_step = kLoopMs / 2;
        // offline_pages+0x40: call test_pages_isolated; memory_subsys_offline+0x40: call offline_pages
        EXPECT_TRUE(machine.stub.write_memory(0, kLoopText + 0x140, "\xe8\xbb\x00\x00\x00"s));
        EXPECT_TRUE(machine.stub.write_memory(0, kLoopText + 0x340, "\xe8\xbb\xfd\xff\xff"s));
        machine.stub.poke_u64(kLoopStack, kLoopText + 0x145);
        machine.stub.poke_u64(kLoopStack + 0x40, kLoopText + 0x345);
        // The samples find it in the loop itself.
        EXPECT_TRUE(machine.stub.set_register(1, "rip", kLoopText + 0x160));
        EXPECT_TRUE(machine.stub.set_register(1, "rsp", kLoopStack + 8));
    }
    static Schedule one_offliner() {
        Actor offliner;
        offliner.name = "offliner";
        offliner.kind = ActorKind::offliner;
        return {{offliner}, {}, {}};
    }
    // `changes` is a register that is another one at each entry; "" if none is.
    void go_round(const std::string& changes) {
        machine.stub.will_go_round(1, kLoopCallee, [changes](unsigned time) {
            std::map<std::string, std::uint64_t> registers = {{"rsp", kLoopStack}, {"rdi", 0x100000}, {"rbx", 7}};
            if (!changes.empty()) registers[changes] = time;
            return registers;
        });
    }
    bool look(Duration patience = std::chrono::seconds(3)) {
        const auto proven = watch.look(schedule.actors[0], [this] { return over; }, Deadline::after(patience));
        EXPECT_TRUE(proven) << proven.error().message;
        return proven.value_or(false);
    }
    [[nodiscard]] const std::optional<LoopRecord>& loop() const { return record.performance().loop; }

    Schedule schedule = one_offliner();
    FakeMachine machine{loop_watch_x86_bench()};
    Conductor conductor{machine.stub, machine.stub.architecture().kernel_stack_bytes};
    SymbolTable symbols{{{kLoopText, 't', "other"},
                         {kLoopText + 0x100, 't', "offline_pages"},
                         {kLoopText + 0x200, 't', "test_pages_isolated"},
                         {kLoopText + 0x300, 't', "memory_subsys_offline"},
                         {kLoopText + 0x400, 't', "end"}}};
    Timeline timeline{SteadyTime{}};
    Record record{timeline, {}};
    Roster roster{schedule, machine.guest, record};
    LoopWatch watch{{machine, conductor, roster, record, 128ull << 20}, nullptr, symbols};
    bool over = false;
};

TEST_F(LoopWatchTest, TheSameStateAgainAndAgainIsALoop) {
    go_round("");
    EXPECT_TRUE(look());
    ASSERT_TRUE(loop());
    EXPECT_EQ(loop()->function, "test_pages_isolated");
    EXPECT_EQ(loop()->path, (std::vector<std::string>{"offline_pages+0x45", "memory_subsys_offline+0x45"}));
    EXPECT_EQ(loop()->passes, kLoopPasses);
    EXPECT_GE(loop()->guest_ms, kLoopMs);
    ASSERT_FALSE(loop()->samples.empty());
    EXPECT_EQ(loop()->samples[0], "offline_pages+0x60 < memory_subsys_offline+0x45");
    EXPECT_TRUE(machine.stub.breakpoints.empty()) << "it takes its watches away";
}

// A register that scratch code leaves behind tells nothing.
TEST_F(LoopWatchTest, ARegisterThatNoCallPreservesMayChange) {
    go_round("r10");
    EXPECT_TRUE(look());
}

// As in a loop over the pages of a block.
TEST_F(LoopWatchTest, ATaskWhoseStateChangesGetsOn) {
    for (const char* changes : {"rbx", "rdi"}) {
        go_round(changes);
        EXPECT_FALSE(look()) << changes;
        EXPECT_EQ(lack_of_proof(*loop()), "offliner works on in the kernel, and was not seen in the same state again");
    }
}

TEST_F(LoopWatchTest, ATaskWhoseStackChangesGetsOn) {
    machine.stub.will_go_round(1, kLoopCallee, [this](unsigned time) {
        machine.stub.poke_u64(kLoopStack + 0x10, time);
        return std::map<std::string, std::uint64_t>{{"rsp", kLoopStack}};
    });
    EXPECT_FALSE(look());
}

TEST_F(LoopWatchTest, TooFewPassesProveNothing) {
    machine.stub.will_go_round(1, kLoopCallee, [](unsigned time) {
        return std::map<std::string, std::uint64_t>{{"rsp", kLoopStack}, {"rbx", time < 10 ? 0 : time}};
    });
    EXPECT_FALSE(look(std::chrono::seconds(2)));
    // The fake vCPU stands where it was when it is watched again, and that entry counts twice.
    EXPECT_LE(loop()->passes, 12u);
    EXPECT_EQ(lack_of_proof(*loop()),
              fmt::format("offliner entered test_pages_isolated() only {} times in the same state", loop()->passes));
}

TEST_F(LoopWatchTest, TheGuestsOwnTimeHasToPass) {
    machine.guest.clock_step = 1;
    go_round("");
    EXPECT_FALSE(look(std::chrono::seconds(3)));
    EXPECT_LT(loop()->guest_ms, kLoopMs);
}

TEST_F(LoopWatchTest, AnotherTaskIsNotTakenForTheActor) {
    machine.stub.will_go_round(
        2, kLoopCallee, [](unsigned) { return std::map<std::string, std::uint64_t>{{"rsp", kLoopStack + 0x10000}}; });
    EXPECT_FALSE(look());
    EXPECT_EQ(loop()->passes, 0u);
}

TEST_F(LoopWatchTest, AnActorThatFinishesIsNoLoop) {
    go_round("");
    machine.guest.report({"offliner", 32, 0, SteadyTime{}});
    EXPECT_FALSE(look());
    EXPECT_FALSE(loop());
}

}  // namespace
}  // namespace memrig
