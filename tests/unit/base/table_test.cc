// Tables that fold: at any width no line is wider, and no field is lost.
#include "base/table.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"

namespace memrig {
namespace {

std::vector<std::string> lines_in(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

const std::vector<TableColumn> kHeads = {{"scenario"}, {"arm"}, {"trials", true}, {"reason"}};
const std::vector<std::vector<std::string>> kRows = {
    {"race/acpi-dimm-online", "control", "10", "onliner was refused device_hotplug_lock while adder was held"},
    {"validate/b", "mutant", "2", ""}};

TEST(Table, IsOneLineARowWhereItFits) {
    EXPECT_EQ(table_text(kHeads, kRows, kUnfolded),
              "scenario               arm      trials  reason\n"
              "race/acpi-dimm-online  control      10  onliner was refused device_hotplug_lock while adder was held\n"
              "validate/b             mutant        2\n");
}

TEST(Table, FoldsWhatDoesNotFitBelow) {
    EXPECT_EQ(table_text(kHeads, kRows, 40),
              "scenario               arm      trials\n"
              "    reason\n"
              "race/acpi-dimm-online  control      10\n"
              "    onliner was refused\n"
              "    device_hotplug_lock while adder was\n"
              "    held\n"
              "validate/b             mutant        2\n");
}

TEST(Table, IsNeverWiderAndLosesNothing) {
    std::string all;
    for (const auto& row : kRows)
        for (const auto& field : row) all += field;
    std::erase(all, ' ');
    for (std::size_t width = 20; width < 120; width++) {
        const std::string text = table_text(kHeads, kRows, width);
        std::string got;
        for (const auto& line : lines_in(text)) EXPECT_LE(columns(line), width) << text;
        for (const char c : text.substr(text.find("race"))) got += c == ' ' || c == '\n' ? "" : std::string(1, c);
        EXPECT_EQ(got, all) << width;
    }
}

TEST(Table, PaintsTheTextAndNotTheBlanks) {
    const auto painted = [](std::size_t row, std::size_t column, const std::string& text) {
        return row == 1 && column == 0 ? "<" + text + ">" : text;
    };
    EXPECT_EQ(table_text({{"a"}, {"b"}}, {{"long", "x"}, {"s", "y"}}, kUnfolded, painted),
              "a     b\n"
              "long  x\n"
              "<s>     y\n");
}

TEST(Table, WithoutHeadingsHasOnlyTheRows) { EXPECT_EQ(table_text({{""}, {""}}, {{"a", "b"}}, kUnfolded), "a  b\n"); }

TEST(BrokenLines, BreakBetweenWordsAndInLongOnes) {
    EXPECT_THAT(broken_lines("one two three", 7, 2), testing::ElementsAre("one two", "  three"));
    EXPECT_THAT(broken_lines("abcdefghij", 4, 1), testing::ElementsAre("abcd", " efg", " hij"));
    EXPECT_THAT(broken_lines("see abcdefghij", 4, 0, LongWord::kept), testing::ElementsAre("see", "abcdefghij"));
    EXPECT_THAT(broken_lines("äöüß", 2, 0), testing::ElementsAre("äö", "üß"));
    EXPECT_THAT(broken_lines("", 4, 0), testing::ElementsAre(""));
}

TEST(ShortPath, KeepsItsEnd) {
    EXPECT_EQ(short_path("race/acpi-dimm-online", 40), "race/acpi-dimm-online");
    EXPECT_EQ(short_path("/home/somebody/src/linux/arch/x86/boot/bzImage", 26), "…/arch/x86/boot/bzImage");
    EXPECT_EQ(short_path("/a/averyveryverylongname", 10), "…ylongname");
}

}  // namespace
}  // namespace memrig
