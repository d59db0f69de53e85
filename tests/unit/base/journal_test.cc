// The journal: its lines come back, cut off at any byte, and another one's is refused.
#include "base/journal.h"

#include <gtest/gtest.h>

#include "base/file.h"

namespace memrig {
namespace {

using Lines = std::vector<std::string>;

class JournalTest : public ::testing::Test {
protected:
    Result<Lines> start(bool resume, const std::string& identity = "mine") {
        return journal.start(identity, resume, "another run");
    }
    TemporaryDirectory directory = std::move(*TemporaryDirectory::make("memrig-journal"));
    Journal journal{directory.path() / "deeper" / "journal"};
};

TEST_F(JournalTest, WhatWasAppendedComesBack) {
    ASSERT_TRUE(start(false));
    ASSERT_TRUE(journal.append("one"));
    ASSERT_TRUE(journal.append("two"));
    EXPECT_EQ(start(true).value_or(Lines{"an error"}), (Lines{"one", "two"}));
    EXPECT_EQ(start(false).value_or(Lines{"an error"}), Lines());
    EXPECT_EQ(start(true).value_or(Lines{"an error"}), Lines());
}

TEST_F(JournalTest, ALastLineThatWasCutOffIsDroppedAtAnyByte) {
    ASSERT_TRUE(start(false));
    ASSERT_TRUE(journal.append("one"));
    const std::string whole = *read_file(journal.path());
    for (std::size_t bytes = 0; bytes < whole.size(); bytes++) {
        ASSERT_TRUE(write_file(journal.path(), whole.substr(0, bytes)));
        EXPECT_EQ(start(true).value_or(Lines{"an error"}), Lines()) << bytes;
        ASSERT_TRUE(journal.append("again"));
        EXPECT_EQ(*read_file(journal.path()), "mine\nagain\n") << bytes;
    }
}

TEST_F(JournalTest, AnothersIsRefusedAndLeftAsItIs) {
    ASSERT_TRUE(start(false, "theirs"));
    ASSERT_TRUE(journal.append("one"));
    const auto refused = start(true);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().fault, Fault::user_input);
    EXPECT_NE(refused.error().message.find("another run"), std::string::npos);
    EXPECT_EQ(*read_file(journal.path()), "theirs\none\n");
}

TEST_F(JournalTest, AFolderThatCannotBeWrittenIsTold) {
    Journal nowhere("/proc/memrig/journal");
    EXPECT_FALSE(nowhere.start("mine", false, "another run"));
}

}  // namespace
}  // namespace memrig
