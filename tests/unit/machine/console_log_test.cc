// The console, drained all the time.
#include <gtest/gtest.h>

#include <thread>

#include <sys/socket.h>

#include "machine/console_log.h"

namespace memrig {
namespace {

using namespace std::chrono_literals;

Deadline soon() { return Deadline::after(60s); }

class ConsoleLogTest : public ::testing::Test {
protected:
    void SetUp() override {
        int ends[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        guest = Descriptor(ends[0]);
        log = std::make_unique<ConsoleLog>(Descriptor(ends[1]));
    }
    void print(std::string_view text) { ASSERT_TRUE(write_all(guest.get(), text, soon())); }
    // Until all that was printed has come.
    void end() {
        guest.close();
        EXPECT_EQ(log->wait_for("never printed", 0, Deadline::after(24h)), false);
    }
    Descriptor guest;
    std::unique_ptr<ConsoleLog> log;
};

TEST_F(ConsoleLogTest, LinesWithoutTheirEnds) {
    print("first\r\nsec");
    print("ond\n\nlast");
    end();
    std::vector<std::string> texts;
    for (const auto& line : log->lines()) texts.push_back(line.text);
    EXPECT_EQ(texts, (std::vector<std::string>{"first", "second", "", "last"}));
    EXPECT_EQ(log->text(), "first\r\nsecond\n\nlast");
    EXPECT_EQ(log->size(), log->text().size());
}

TEST_F(ConsoleLogTest, ALineHasTheTimeOfItsFirstByte) {
    print("begin");
    ASSERT_EQ(log->wait_for("begin", 0, soon()), true);
    const SteadyTime between = steady_clock().now();
    print(" end\nnext");
    end();
    const auto lines = log->lines();
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_LE(lines[0].at, between);
    EXPECT_GE(lines[1].at, between);
}

TEST_F(ConsoleLogTest, WaitingForATextFromAPlaceOn) {
    print("needle");
    EXPECT_EQ(log->wait_for("needle", 0, soon()), true);
    EXPECT_EQ(log->wait_for("needle", 1, Deadline(SteadyTime::min())), false);
    EXPECT_EQ(log->wait_for("needle", 1000, Deadline(SteadyTime::min())), false);
    print(" needle");
    EXPECT_EQ(log->wait_for("needle", 1, soon()), true);
}

TEST_F(ConsoleLogTest, TheTail) {
    print("1\n2\n3\n");
    end();
    EXPECT_EQ(log->tail(2), "  | 2\n  | 3\n");
    EXPECT_EQ(log->tail(9), "  | 1\n  | 2\n  | 3\n");
}

TEST_F(ConsoleLogTest, AFloodIsDrainedAndCutOff) {
    const std::string chunk(1 << 20, 'x');
    for (int i = 0; i < 18; i++) print(chunk);  // were it not drained, this would wait for ever
    end();
    EXPECT_LT(log->size(), 17u << 20);
    EXPECT_GE(log->size(), 16u << 20);
    EXPECT_TRUE(log->text().ends_with("[memrig: the console is cut off here]\n"));
    EXPECT_EQ(log->lack(), "the console is cut off behind its first 16 MiB");
}

TEST_F(ConsoleLogTest, ATextThatJustFitsLacksNothing) {
    const std::string chunk(1 << 20, 'x');
    for (int i = 0; i < 16; i++) print(chunk);
    ASSERT_EQ(log->wait_for("x", (16u << 20) - 1, soon()), true);
    EXPECT_EQ(log->lack(), "");
    print("y");
    end();
    EXPECT_EQ(log->lack(), "the console is cut off behind its first 16 MiB");
}

TEST_F(ConsoleLogTest, CanBeDestroyedWhileTheGuestLives) {
    print("text");
    log.reset();
}

}  // namespace
}  // namespace memrig
