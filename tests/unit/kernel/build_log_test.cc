#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernel/build_log.h"

namespace memrig {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class SetClock : public Clock {
public:
    SteadyTime now() const override { return at; }
    SteadyTime at{};
};

std::string shown_by(const std::function<void(std::FILE*)>& act) {
    char* text = nullptr;
    std::size_t size = 0;
    std::FILE* stream = std::tmpfile();
    act(stream);
    std::rewind(stream);
    if (::getdelim(&text, &size, '\0', stream) < 0) text[0] = '\0';
    std::string shown(text);
    std::free(text);
    std::fclose(stream);
    return shown;
}

TEST(BuildProgress, IsALineEveryFewSecondsWhereNobodyWatches) {
    SetClock clock;
    const std::string shown = shown_by([&](std::FILE* stream) {
        BuildProgress progress(stream, "building k", 4, clock);
        progress.line("make[1]: Entering directory");
        progress.line("  CC      mm/a.o");
        clock.at += 11s;
        progress.line("  CC      /somewhere/long/b.o");
        progress.line("  CC      mm/c.o");
        clock.at += 11s;
        for (int i = 0; i < 5; i++) progress.line("  CC      mm/d.o");
        clock.at += 11s;
        progress.line("  LD      vmlinux");
    });
    EXPECT_EQ(shown,
              "memrig: building k\n"
              "memrig: building k: 50 %, 11 s, b.o\n"
              "memrig: building k: 99 %, 22 s, mm/d.o\n"
              "memrig: building k: 99 %, 33 s, vmlinux\n");
}

TEST(BuildLog, KeepsAllAndShowsTheEnd) {
    auto directory = TemporaryDirectory::make("memrig-log");
    ASSERT_TRUE(directory);
    auto log = BuildLog::make(directory->path() / "log");
    ASSERT_TRUE(log);
    for (int i = 0; i < 100; i++) log->line(fmt::format("line {}.", i));
    EXPECT_TRUE(log->finish());
    EXPECT_THAT(log->why(), HasSubstr("line 99."));
    EXPECT_THAT(log->why(), Not(HasSubstr("line 50.")));
    EXPECT_THAT(read_file(directory->path() / "log").value(), HasSubstr("line 0.\nline 1.\n"));
    EXPECT_FALSE(log->disk_full());
    log->line("cc1: fatal error: a.o: No space left on device");
    EXPECT_TRUE(log->disk_full());
}

// make -j: what other jobs print pushes the compiler's words out of the end.
TEST(BuildLog, ShowsTheFirstErrorHoweverMuchFollows) {
    auto log = BuildLog::make("/dev/null");
    ASSERT_TRUE(log);
    log->line("  CC      mm/a.o");
    log->line("mm/a.c:3:5: error: expected expression before ';' token");
    log->line("mm/a.c:9:5: error: another");
    EXPECT_EQ(log->why(),
              "  CC      mm/a.o\nmm/a.c:3:5: error: expected expression before ';' token\nmm/a.c:9:5: error: another");
    for (int i = 0; i < 20; i++) log->line(fmt::format("  CC      mm/{}.o", i));
    EXPECT_THAT(log->why(), StartsWith("mm/a.c:3:5: error: expected expression before ';' token\n[…]\n"));
    EXPECT_THAT(log->why(), Not(HasSubstr("another")));
    EXPECT_THAT(log->why(), EndsWith("mm/19.o"));
}

TEST(BuildLog, TellsOfAFullDiskOfItsOwn) {
    auto log = BuildLog::make("/dev/full");
    ASSERT_TRUE(log);
    log->line("a");
    EXPECT_TRUE(log->disk_full());
    const Status status = log->finish();
    ASSERT_FALSE(status);
    EXPECT_THAT(status.error().message, HasSubstr("No space left on device"));
}

}  // namespace
}  // namespace memrig
