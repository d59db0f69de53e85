// Words for a shell, as a real one takes them.
#include "base/shell.h"

#include <gtest/gtest.h>

#include "base/process.h"

namespace memrig {
namespace {

TEST(ShellWord, IsTakenForTheTextThatItStandsFor) {
    for (const std::string text :
         {"", "plain", "runs/a b", "it's", "$HOME", "`id`", "a;b", "*", "~", "\"", "\\", "line\nbreak", "ä", "-n"}) {
        const auto ran = run_program({"sh", "-c", "printf '<%s>' " + shell_word(text)},
                                     Deadline::after(std::chrono::minutes(5)), true);
        ASSERT_TRUE(ran);
        EXPECT_EQ(ran->output, "<" + text + ">");
    }
}

TEST(ShellWord, IsLeftAsItIsWhereNothingIsSpecial) {
    EXPECT_EQ(shell_word("runs/2026-11-23_1/race.tar.zst"), "runs/2026-11-23_1/race.tar.zst");
    EXPECT_EQ(shell_word("target remote /tmp/gdb"), "'target remote /tmp/gdb'");
}

}  // namespace
}  // namespace memrig
