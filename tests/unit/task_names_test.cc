// Tasks by name: where comm and pid lie in a task_struct is learned from tasks whose names are known, or not at all.
#include "probe/task_names.h"

#include <gtest/gtest.h>

#include "probe/fake_probe.h"

namespace memrig {
namespace {

constexpr std::uint64_t kAdder = 0xffffc90000004000, kOnliner = 0xffffc90000010000, kThird = 0xffffc90000018000;
constexpr std::uint64_t kPid = 0x9d8, kComm = 0xbb0;  // as in Debian's 6.1, more or less

class TaskNamesTest : public ::testing::Test {
protected:
    // A task_struct; a thread of the agent is of thread group 1.
    void put(std::uint64_t task, const std::string& comm, std::uint32_t pid, bool agents = false) {
        const std::uint64_t owner = 0xffff888003000000 + owners.size() * 0x4000;
        owners[owner] = task;
        write(owner + kComm, comm + std::string(1, '\0'));
        write_word(owner + kPid, pid);
        write_word(owner + kPid + 4, agents ? 1 : pid);
        if (agents) known[task] = comm;
    }
    void write(std::uint64_t address, const std::string& bytes) { ASSERT_TRUE(probe.write_memory(0, address, bytes)); }
    void write_word(std::uint64_t address, std::uint32_t word) {
        std::string bytes;
        for (unsigned i = 0; i < 4; i++) bytes += static_cast<char>(word >> (8 * i));
        write(address, bytes);
    }
    std::uint64_t owner_of(std::uint64_t task) const {
        for (const auto& [owner, of] : owners)
            if (of == task) return owner;
        return 0;
    }
    void put_both() {
        put(kAdder, "kworker/u6:2", 43);
        put(kOnliner, "onliner", 90, true);
    }
    // By task: "comm, pid N".
    std::map<std::uint64_t, std::string> names() {
        const auto named = name_tasks(probe, owners, known);
        std::map<std::uint64_t, std::string> texts;
        if (!named) ADD_FAILURE() << named.error().message;
        else
            for (const auto& [task, name] : *named) texts[task] = name.text();
        return texts;
    }
    using Names = std::map<std::uint64_t, std::string>;

    FakeProbe probe{*find_architecture("x86_64"), 1};
    std::map<std::uint64_t, std::uint64_t> owners;
    std::map<std::uint64_t, std::string> known;
};

TEST_F(TaskNamesTest, OneKnownNameTellsWhereAllHaveTheirs) {
    put_both();
    EXPECT_EQ(names(), (Names{{kAdder, "kworker/u6:2, pid 43"}, {kOnliner, "onliner, pid 90"}}));
}

TEST_F(TaskNamesTest, ANameIsCutAsTheKernelCutsIt) {
    put(kAdder, "kworker/u6:2", 43);
    put(kOnliner, "onliner-of-the-1", 90, true);
    write(owner_of(kOnliner) + kComm, std::string("onliner-of-the-\0", 16));
    EXPECT_EQ(names().at(kOnliner), "onliner-of-the-, pid 90");
}

TEST_F(TaskNamesTest, WithoutAKnownTaskNothingIsLearned) {
    put(kAdder, "kworker/u6:2", 43);
    put(kOnliner, "onliner", 90);
    EXPECT_TRUE(names().empty());
    known[kThird] = "reader";  // of which no task_struct is known
    EXPECT_TRUE(names().empty());
}

TEST_F(TaskNamesTest, ANameThatIsThereTwiceTellsNothing) {
    put_both();
    write(owner_of(kOnliner) + 0x100, std::string("onliner\0", 8));
    EXPECT_TRUE(names().empty());
}

TEST_F(TaskNamesTest, AnotherKnownTaskMayTellWhereOneDoesNot) {
    put_both();
    put(kThird, "reader", 91, true);
    write(owner_of(kOnliner) + 0x100, std::string("onliner\0", 8));
    EXPECT_EQ(names().at(kAdder), "kworker/u6:2, pid 43");
    EXPECT_EQ(names().at(kOnliner), "onliner, pid 90");
}

TEST_F(TaskNamesTest, APlaceWhereAnotherTaskHasNoNameIsNone) {
    put_both();
    write(owner_of(kAdder) + kComm, "\x01\x02");
    EXPECT_TRUE(names().empty());
    write(owner_of(kAdder) + kComm, std::string(1, '\0'));
    EXPECT_TRUE(names().empty());
    write(owner_of(kAdder) + kComm, "longer-than-a-comm-can-be");
    EXPECT_TRUE(names().empty());
}

TEST_F(TaskNamesTest, APidThatTwoPlacesCouldHoldIsNotGuessed) {
    put_both();
    for (const auto task : {kAdder, kOnliner}) {
        write_word(owner_of(task) + 0x40, 7);
        write_word(owner_of(task) + 0x44, task == kOnliner ? 1 : 7);
    }
    EXPECT_EQ(names(), (Names{{kAdder, "kworker/u6:2"}, {kOnliner, "onliner"}}));
}

TEST_F(TaskNamesTest, APairThatOneTaskContradictsIsNoPid) {
    put_both();
    write_word(owner_of(kAdder) + 0x40, 7);  // looks like one in the kworker only
    write_word(owner_of(kAdder) + 0x44, 7);
    EXPECT_EQ(names().at(kAdder), "kworker/u6:2, pid 43");
}

TEST_F(TaskNamesTest, NoPidIsLargerThanTheKernelsLimit) {
    put_both();
    for (const std::uint32_t nonsense : {0u, 1u, 1u << 22, 0xffffffffu}) {
        write_word(owner_of(kAdder) + kPid, nonsense);
        write_word(owner_of(kAdder) + kPid + 4, nonsense);
        EXPECT_EQ(names().at(kAdder), "kworker/u6:2") << nonsense;
    }
    write_word(owner_of(kAdder) + kPid, (1u << 22) - 1);
    write_word(owner_of(kAdder) + kPid + 4, (1u << 22) - 1);
    EXPECT_EQ(names().at(kAdder), "kworker/u6:2, pid 4194303");
}

TEST_F(TaskNamesTest, AThreadOfTheAgentIsOfGroupOne) {
    put_both();
    write_word(owner_of(kOnliner) + kPid + 4, 90);
    EXPECT_EQ(names().at(kAdder), "kworker/u6:2");
}

TEST_F(TaskNamesTest, BehindCommNoPidIsLookedFor) {
    put_both();
    for (const auto task : {kAdder, kOnliner}) {
        write_word(owner_of(task) + kComm + 0x40, 7);
        write_word(owner_of(task) + kComm + 0x44, task == kOnliner ? 1 : 7);
    }
    EXPECT_EQ(names().at(kAdder), "kworker/u6:2, pid 43");
}

TEST_F(TaskNamesTest, ATaskThatCannotBeReadIsLeftOut) {
    put_both();
    put(kThird, "kworker/0:1", 12);
    probe.absent = {owner_of(kAdder) + 0x200};
    EXPECT_EQ(names(), (Names{{kOnliner, "onliner, pid 90"}, {kThird, "kworker/0:1, pid 12"}}));
}

TEST_F(TaskNamesTest, NothingAtAllIsNoError) {
    EXPECT_TRUE(names().empty());
    put_both();
    probe.absent = {owner_of(kAdder), owner_of(kOnliner)};
    EXPECT_TRUE(names().empty());
}

}  // namespace
}  // namespace memrig
