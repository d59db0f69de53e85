#include "kernel/source_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/file.h"

namespace memrig {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr const char* kSampleRelease = "6.1.0-sample";

std::string refusal_of(const fs::path& vmlinux, const std::string& release = kSampleRelease) {
    const auto opened = SourceLines::open(vmlinux, release);
    EXPECT_FALSE(opened);
    if (opened) return "";
    EXPECT_EQ(opened.error().fault, Fault::user_input);
    return opened.error().line();
}

TEST(SourceLines, KnowTheLineOfAPlace) {
    const auto lines = SourceLines::open(SAMPLE_WITH_LINES, kSampleRelease);
    ASSERT_TRUE(lines) << lines.error().line();
    EXPECT_THAT(lines->at("sample_inner+0x0"), MatchesRegex(".*tests/unit/kernel/lines_sample.cc:(8|9|10)"));
    EXPECT_THAT(lines->at("sample_outer+0x0"), MatchesRegex(".*lines_sample.cc:(13|14)"));
    // A return address belongs to the call before it.
    bool calls = false;
    for (int offset = 1; offset < 16; offset++)
        calls = calls || lines->at(fmt::format("sample_outer+{:#x}", offset)).ends_with("lines_sample.cc:14");
    EXPECT_TRUE(calls);
}

TEST(SourceLines, KnowNothingOfOtherPlaces) {
    const auto lines = SourceLines::open(SAMPLE_WITH_LINES, kSampleRelease);
    ASSERT_TRUE(lines) << lines.error().line();
    for (const char* place : {"", "?", "no_such_function+0x1", "sample_inner", "sample_inner+0x", "sample_inner+0xzz",
                              "+0x1", "sample_inner+0xffffffffffffffffffff", "sample_inner+0xffffffffffff",
                              "sample_outer+0x0/0x9000", "sample_outer+0x0/", "sample_outer+0x0/0x"})
        EXPECT_EQ(lines->at(place), "") << place;
}

// One source file each has a function of that name, and one of them is larger.
TEST(SourceLines, TellFunctionsOfOneNameApartByTheirSizes) {
    const auto lines = SourceLines::open(SAMPLE_WITH_LINES, kSampleRelease);
    ASSERT_TRUE(lines) << lines.error().line();
    EXPECT_EQ(lines->at("sample_twice+0x1"), "") << "which one?";
    std::set<std::string> found;
    for (int size = 1; size < 200; size++) {
        const std::string line = lines->at(fmt::format("sample_twice+0x1/{:#x}", size));
        if (!line.empty()) found.insert(line);
    }
    EXPECT_EQ(found.size(), 2u);
}

TEST(SourceLines, RefuseAFileThatDoesNotFit) {
    EXPECT_THAT(refusal_of(SAMPLE_WITHOUT_LINES), HasSubstr("has no debug information"));
    EXPECT_THAT(refusal_of(fs::path(MEMRIG_TEST_DATA) / "CMakeLists.txt"), HasSubstr("has no debug information"));
    EXPECT_THAT(refusal_of("/no-such-vmlinux"), HasSubstr("/no-such-vmlinux"));
    EXPECT_THAT(refusal_of(SAMPLE_WITH_LINES, "6.1.0-samp"),
                HasSubstr("is of another kernel than 6.1.0-samp: Linux version 6.1.0-sample"));
}

TEST(SourceLines, RefuseACutFile) {
    const auto whole = read_file(SAMPLE_WITH_LINES);
    ASSERT_TRUE(whole);
    const auto directory = TemporaryDirectory::make("memrig-lines-test");
    const fs::path file = directory->path() / "vmlinux";
    for (std::size_t length = 0; length < whole->size(); length += whole->size() / 40 + 1) {
        ASSERT_TRUE(write_file(file, whole->substr(0, length)));
        const auto lines = SourceLines::open(file, kSampleRelease);
        if (lines) {
            EXPECT_LE(lines->at("sample_outer+0x5").size(), 1000u);
        }
    }
}

}  // namespace
}  // namespace memrig
