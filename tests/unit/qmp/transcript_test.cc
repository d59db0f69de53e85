#include "qmp/transcript.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace memrig {
namespace {

TEST(Transcript, KeepsTheOrderAndDropsTheLineEnds) {
    Transcript transcript;
    transcript.add(true, R"({"execute":"stop"})");
    transcript.add(false, "{\"return\": {}}\r\n");
    transcript.add(false, "\r\n");
    const auto lines = transcript.lines();
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_TRUE(lines[0].sent);
    EXPECT_FALSE(lines[1].sent);
    EXPECT_EQ(lines[1].text, R"({"return": {}})");
    EXPECT_EQ(lines[2].text, "");
    EXPECT_LE(lines[0].at, lines[1].at);
}

TEST(Transcript, IsBoundedAndSaysWhatIsMissing) {
    Transcript transcript(4096);
    for (int i = 0; i < 1000; i++) transcript.add(false, std::string(100, 'x'));
    const auto lines = transcript.lines();
    ASSERT_GT(lines.size(), 2u);
    EXPECT_LT(lines.size(), 40u);
    const auto note = nlohmann::json::parse(lines.front().text);
    EXPECT_EQ(note["dropped-lines"], 1000 - (lines.size() - 1));

    transcript.add(false, std::string(10'000, 'y'));  // larger than all of it: kept, alone
    EXPECT_EQ(transcript.lines().size(), 2u);
}

}  // namespace
}  // namespace memrig
