#include <gtest/gtest.h>

#include "base/text.h"

namespace memrig {
namespace {

TEST(OneLine, KeepsPlainTextAndUtf8) {
    EXPECT_EQ(one_line("held: ünï … 🙂 | ~"), "held: ünï … 🙂 | ~");
    EXPECT_EQ(one_line(""), "");
}

TEST(OneLine, BreaksAndTabsAreOneBlank) {
    EXPECT_EQ(one_line("a\r\nb\t\tc\n"), "a b c");
    EXPECT_EQ(one_line("\n\n a"), " a");
}

TEST(OneLine, DropsEscapeSequences) {
    EXPECT_EQ(one_line("\x1b[1;31mred\x1b[0m"), "red");
    EXPECT_EQ(one_line("\x1b]0;title\a"
                       "a\x1b]0;t\x1b\\b"),
              "ab");
    EXPECT_EQ(one_line("\x1b"
                       "ca"),
              "a");
    EXPECT_EQ(one_line("a\x1b"), "a");
    EXPECT_EQ(one_line("a\x1b["), "a");
    EXPECT_EQ(one_line("a\x1b]never ended"), "a");
    EXPECT_EQ(one_line("a\x1b[12;"), "a");
}

TEST(OneLine, DropsControlCharacters) {
    EXPECT_EQ(one_line(std::string_view("a\0b\x7f\b\x0b", 6)), "ab");
    EXPECT_EQ(one_line("a\xc2\x9b"
                       "b\xc2\x85"),
              "ab");
    EXPECT_EQ(one_line("\xc2\xa0"), "\xc2\xa0");
}

TEST(OneLine, WhatIsNoUtf8IsAQuestionMark) {
    EXPECT_EQ(one_line("\xff"), "?");
    EXPECT_EQ(one_line("a\xc3("), "a?(");
    EXPECT_EQ(one_line("\xc0\x80"), "??");
    EXPECT_EQ(one_line("\xed\xa0\x80"), "???");
    EXPECT_EQ(one_line("\xf4\x90\x80\x80"), "????");
    EXPECT_EQ(one_line("\xe2\x82"), "??");
}

TEST(Cut, CutsBetweenCharacters) {
    EXPECT_EQ(cut("abc", 3), "abc");
    EXPECT_EQ(cut("abcd", 3), "ab…");
    EXPECT_EQ(cut("üüüü", 3), "üü…");
    EXPECT_EQ(cut("ab", 1), "…");
    EXPECT_EQ(cut("ab", 0), "");
    EXPECT_EQ(columns(cut("üüüü", 2)), 2u);
}

TEST(ShortTime, FitsTheSize) {
    EXPECT_EQ(short_time(0), "0.00 s");
    EXPECT_EQ(short_time(-1), "0.00 s");
    EXPECT_EQ(short_time(0.614), "0.61 s");
    EXPECT_EQ(short_time(9.994), "9.99 s");
    EXPECT_EQ(short_time(9.999), "10 s");
    EXPECT_EQ(short_time(59.4), "59 s");
    EXPECT_EQ(short_time(59.6), "1 min 0 s");
    EXPECT_EQ(short_time(185), "3 min 5 s");
    EXPECT_EQ(short_time(7800), "2 h 10 min");
}

TEST(Counted, KnowsOne) {
    EXPECT_EQ(counted(0, "trial"), "0 trials");
    EXPECT_EQ(counted(1, "trial"), "1 trial");
}

}  // namespace
}  // namespace memrig
