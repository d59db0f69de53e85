// Tasks by name: where comm and pid lie in a task_struct is learned from tasks whose names are known, or not at all.
#include "watch/task_names.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace memrig {
namespace {

constexpr std::uint64_t kAdder = 0xffffc90000004000, kOnliner = 0xffffc90000010000, kThird = 0xffffc90000018000;
constexpr std::uint64_t kPid = 0x9d8, kComm = 0xbb0;  // as in Debian's 6.1, more or less

class TaskNamesTest : public ::testing::Test {
protected:
    // A task_struct; a thread of the agent is of thread group 1.
    void put(std::uint64_t task, const std::string& comm, std::uint32_t pid, bool agents = false) {
        owners[0xffff888003000000 + owners.size() * 0x4000] = {task, std::string(kTaskStructBytes, '\0')};
        write(task, kComm, comm + std::string(1, '\0'));
        write_word(task, kPid, pid);
        write_word(task, kPid + 4, agents ? 1 : pid);
        put_parents(task, kPid + 16);  // behind the stack canary
        if (agents) known[task] = comm;
    }
    void put_parents(std::uint64_t task, std::uint64_t at) {
        for (const std::uint64_t word : {at, at + 8}) {
            write_word(task, word, 0x00f00000);
            write_word(task, word + 4, 0xffff8880);
        }
    }
    std::string& bytes_of(std::uint64_t task) {
        return std::ranges::find_if(owners, [&](const auto& owner) { return owner.second.task == task; })->second.bytes;
    }
    void write(std::uint64_t task, std::uint64_t at, const std::string& bytes) {
        bytes_of(task).replace(at, bytes.size(), bytes);
    }
    void write_word(std::uint64_t task, std::uint64_t at, std::uint32_t word) {
        std::string bytes;
        for (unsigned i = 0; i < 4; i++) bytes += static_cast<char>(word >> (8 * i));
        write(task, at, bytes);
    }
    void put_both() {
        put(kAdder, "kworker/u6:2", 43);
        put(kOnliner, "onliner", 90, true);
    }
    // By task: "comm, pid N".
    std::map<std::uint64_t, std::string> names() {
        std::map<std::uint64_t, std::string> texts;
        for (const auto& [task, name] : name_tasks(owners, known)) texts[task] = name.text();
        return texts;
    }
    using Names = std::map<std::uint64_t, std::string>;

    std::map<std::uint64_t, TaskStruct> owners;
    std::map<std::uint64_t, std::string> known;
};

TEST_F(TaskNamesTest, OneKnownNameTellsWhereAllHaveTheirs) {
    put_both();
    EXPECT_EQ(names(), (Names{{kAdder, "kworker/u6:2, pid 43"}, {kOnliner, "onliner, pid 90"}}));
}

TEST_F(TaskNamesTest, AnIdleTaskHidesNoPidOfOthers) {
    for (const char* comm : {"swapper/0", "swapper/17", "swapper"}) {
        owners.clear();
        put_both();
        put(kThird, comm, 0);
        EXPECT_EQ(names(), (Names{{kAdder, "kworker/u6:2, pid 43"}, {kOnliner, "onliner, pid 90"}, {kThird, comm}}));
    }
}

TEST_F(TaskNamesTest, ANameIsCutAsTheKernelCutsIt) {
    put(kAdder, "kworker/u6:2", 43);
    put(kOnliner, "onliner-of-the-1", 90, true);
    write(kOnliner, kComm, std::string("onliner-of-the-\0", 16));
    EXPECT_EQ(names().at(kOnliner), "onliner-of-the-, pid 90");
}

TEST_F(TaskNamesTest, WithoutAKnownTaskNothingIsLearned) {
    put(kAdder, "kworker/u6:2", 43);
    put(kOnliner, "onliner", 90);
    EXPECT_TRUE(names().empty());
    known[kThird] = "reader";  // of which no task_struct is known
    EXPECT_TRUE(names().empty());
}

TEST_F(TaskNamesTest, OfANameThatIsThereTwiceThePlaceCountsWhereAllHaveOne) {
    put_both();
    write(kOnliner, 0x100, std::string("onliner\0", 8));  // the kworker has none there
    EXPECT_EQ(names(), (Names{{kAdder, "kworker/u6:2, pid 43"}, {kOnliner, "onliner, pid 90"}}));
}

TEST_F(TaskNamesTest, ANamesakeBehindTheTaskIsNotTakenForIt) {
    put_both();
    for (const auto task : {kAdder, kOnliner}) write(task, 0x1d00, std::string("onliner\0", 8));
    EXPECT_EQ(names(), (Names{{kAdder, "kworker/u6:2, pid 43"}, {kOnliner, "onliner, pid 90"}}));
}

TEST_F(TaskNamesTest, AnotherKnownTaskMayTellWhereOneDoesNot) {
    put_both();
    put(kThird, "reader", 91, true);
    write(kOnliner, 0x100, std::string("onliner\0", 8));
    EXPECT_EQ(names().at(kAdder), "kworker/u6:2, pid 43");
    EXPECT_EQ(names().at(kOnliner), "onliner, pid 90");
}

TEST_F(TaskNamesTest, APlaceWhereAnotherTaskHasNoNameIsNone) {
    put_both();
    write(kAdder, kComm, "\x01\x02");
    EXPECT_TRUE(names().empty());
    write(kAdder, kComm, std::string(1, '\0'));
    EXPECT_TRUE(names().empty());
    write(kAdder, kComm, "longer-than-a-comm-can-be");
    EXPECT_TRUE(names().empty());
}

TEST_F(TaskNamesTest, APidThatTwoPlacesCouldHoldIsNotGuessed) {
    put_both();
    for (const auto task : {kAdder, kOnliner}) {
        write_word(task, 0x40, 7);
        write_word(task, 0x44, task == kOnliner ? 1 : 7);
        put_parents(task, 0x48);
    }
    EXPECT_EQ(names(), (Names{{kAdder, "kworker/u6:2"}, {kOnliner, "onliner"}}));
}

TEST_F(TaskNamesTest, APairThatNoParentsFollowIsNoPid) {
    put_both();
    for (const auto task : {kAdder, kOnliner}) {
        write_word(task, 0x40, 7);
        write_word(task, 0x44, task == kOnliner ? 1 : 7);
    }
    EXPECT_EQ(names().at(kAdder), "kworker/u6:2, pid 43");
}

TEST_F(TaskNamesTest, APairThatOneTaskContradictsIsNoPid) {
    put_both();
    write_word(kAdder, 0x40, 7);  // looks like one in the kworker only
    write_word(kAdder, 0x44, 7);
    EXPECT_EQ(names().at(kAdder), "kworker/u6:2, pid 43");
}

TEST_F(TaskNamesTest, NoPidIsLargerThanTheKernelsLimit) {
    put_both();
    for (const std::uint32_t nonsense : {0u, 1u, 1u << 22, 0xffffffffu}) {
        write_word(kAdder, kPid, nonsense);
        write_word(kAdder, kPid + 4, nonsense);
        EXPECT_EQ(names().at(kAdder), "kworker/u6:2") << nonsense;
    }
    write_word(kAdder, kPid, (1u << 22) - 1);
    write_word(kAdder, kPid + 4, (1u << 22) - 1);
    EXPECT_EQ(names().at(kAdder), "kworker/u6:2, pid 4194303");
}

TEST_F(TaskNamesTest, AThreadOfTheAgentIsOfGroupOne) {
    put_both();
    write_word(kOnliner, kPid + 4, 90);
    EXPECT_EQ(names().at(kAdder), "kworker/u6:2");
}

TEST_F(TaskNamesTest, BehindCommNoPidIsLookedFor) {
    put_both();
    for (const auto task : {kAdder, kOnliner}) {
        write_word(task, kComm + 0x40, 7);
        write_word(task, kComm + 0x44, task == kOnliner ? 1 : 7);
    }
    EXPECT_EQ(names().at(kAdder), "kworker/u6:2, pid 43");
}

TEST_F(TaskNamesTest, ATaskThatCannotBeReadIsLeftOut) {
    put_both();
    put(kThird, "kworker/0:1", 12);
    bytes_of(kAdder).clear();
    EXPECT_EQ(names(), (Names{{kOnliner, "onliner, pid 90"}, {kThird, "kworker/0:1, pid 12"}}));
}

// It had ended when it was looked at: its task_struct was free by then.
TEST_F(TaskNamesTest, ATaskThatIsNamedByItsStructIsLeftOut) {
    put_both();
    owners[0xffff888003100000] = {0xffff888003100000, std::string(kTaskStructBytes, 'k')};
    EXPECT_EQ(names(), (Names{{kAdder, "kworker/u6:2, pid 43"}, {kOnliner, "onliner, pid 90"}}));
}

// The agent has threads that are no actors.
TEST_F(TaskNamesTest, AThreadOfTheAgentMayBeUnknown) {
    put_both();
    put(kThird, "agent-worker", 61);
    write_word(kThird, kPid + 4, 1);
    EXPECT_EQ(names().at(kAdder), "kworker/u6:2, pid 43");
    EXPECT_EQ(names().at(kThird), "agent-worker, pid 61");
}

TEST_F(TaskNamesTest, NothingAtAllIsNoError) {
    EXPECT_TRUE(names().empty());
    put_both();
    bytes_of(kAdder).clear();
    bytes_of(kOnliner).clear();
    EXPECT_TRUE(names().empty());
}

}  // namespace
}  // namespace memrig
