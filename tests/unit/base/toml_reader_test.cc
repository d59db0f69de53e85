// The strict TOML reader: every mistake with its place, and reading goes on.
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/toml_reader.h"

namespace memrig {
namespace {

using Lines = std::vector<std::string>;

class TomlReaderTest : public ::testing::Test {
protected:
    TomlTable parse(std::string_view text) {
        document = std::make_unique<TomlDocument>(TomlDocument::parse(text, "f.toml"));
        return document->root();
    }
    Lines mistakes() const {
        Lines lines;
        for (const auto& diagnostic : document->diagnostics()) lines.push_back(diagnostic.text());
        return lines;
    }
    void expect_one(const std::string& text) { EXPECT_EQ(mistakes(), Lines{text}); }

    std::unique_ptr<TomlDocument> document;
};

TEST_F(TomlReaderTest, GoodValues) {
    TomlTable root = parse("s = 'text'\ni = 5\nb = true\nsize = '128M'\none = 'a'\nmany = ['a', 'b']\nc = 'green'\n");
    EXPECT_EQ(root.string("s"), "text");
    EXPECT_EQ(root.integer("i", 1, 5), 5);
    EXPECT_TRUE(root.boolean("b"));
    EXPECT_EQ(root.size("size"), 128u << 20);
    EXPECT_EQ(root.strings("one", true), Lines{"a"});
    EXPECT_EQ(root.strings("many", true), (Lines{"a", "b"}));
    EXPECT_EQ(root.choice("c", {"red", "green"}), 1u);
    root.finish();
    EXPECT_EQ(mistakes(), Lines{});
    EXPECT_TRUE(document->status());
}

TEST_F(TomlReaderTest, DefaultsStandForWhatIsNotThere) {
    TomlTable root = parse("");
    EXPECT_EQ(root.string("s", "other"), "other");
    EXPECT_EQ(root.integer("i", 1, 5, 3), 3);
    EXPECT_TRUE(root.boolean("b", true));
    EXPECT_EQ(root.size("size", 7), 7u);
    EXPECT_EQ(root.strings("many", false), Lines{});
    EXPECT_EQ(root.choice("c", {"red", "green"}, 1), 1u);
    EXPECT_FALSE(root.table("t", false));
    EXPECT_TRUE(root.tables("ts", false).empty());
    EXPECT_EQ(mistakes(), Lines{});
}

TEST_F(TomlReaderTest, WhatIsMissingIsAMistake) {
    TomlTable root = parse("x = 1\n");
    (void)root.string("s");
    (void)root.integer("i", 0, 1);
    (void)root.boolean("b");
    (void)root.size("z");
    (void)root.strings("m", true);
    (void)root.choice("c", {"red"});
    (void)root.table("t", true);
    (void)root.tables("ts", true);
    ASSERT_EQ(mistakes().size(), 8u);
    EXPECT_EQ(mistakes()[0], "f.toml:1:1: \"s\" is missing");
    EXPECT_EQ(mistakes()[7], "f.toml:1:1: \"ts\" is missing");
}

TEST_F(TomlReaderTest, AWrongTypeIsNamed) {
    TomlTable root = parse("s = 5\ni = 'x'\nb = 1.5\nm = 2001-01-01\nt = [1]\n");
    (void)root.string("s");
    (void)root.integer("i", 0, 1);
    (void)root.boolean("b");
    (void)root.strings("m", true);
    (void)root.table("t", true);
    EXPECT_EQ(mistakes(), (Lines{"f.toml:1:5: \"s\" has to be a string, and is an integer",
                                 "f.toml:2:5: \"i\" has to be an integer, and is a string",
                                 "f.toml:3:5: \"b\" has to be true or false, and is a number with a fraction",
                                 "f.toml:4:5: \"m\" has to be a string or an array of strings, and is a date or time",
                                 "f.toml:5:5: \"t\" has to be a table, and is an array"}));
}

TEST_F(TomlReaderTest, ANumberHasBounds) {
    TomlTable root = parse("a = 0\nb = 6\nc = 1\nd = 5\n");
    for (const auto* key : {"a", "b", "c", "d"}) (void)root.integer(key, 1, 5);
    EXPECT_EQ(mistakes(), (Lines{"f.toml:1:5: \"a\" is 0, and has to be from 1 to 5",
                                 "f.toml:2:5: \"b\" is 6, and has to be from 1 to 5"}));
}

TEST_F(TomlReaderTest, ANumberOutOfBoundsIsNotUsed) {
    TomlTable root = parse("a = 99\nb = 99\n");
    EXPECT_EQ(root.integer("a", 1, 5), 1);
    EXPECT_EQ(root.integer("b", 1, 5, 3), 3);
}

TEST_F(TomlReaderTest, ABadSizeIsAMistake) {
    (void)parse("s = '1GB'\n").size("s");
    expect_one("f.toml:1:5: \"s\" has to be a size such as \"128M\" or \"1G\"");
    (void)parse("s = 5\n").size("s");
    expect_one("f.toml:1:5: \"s\" has to be a size such as \"128M\" or \"1G\"");
}

TEST_F(TomlReaderTest, StringsHoldStringsAndAreNotEmptyIfRequired) {
    EXPECT_EQ(parse("m = ['a', 7]\n").strings("m", true), Lines{"a"});
    expect_one("f.toml:1:11: \"m\" holds an integer, and has to hold strings");
    (void)parse("m = []\n").strings("m", true);
    expect_one("f.toml:1:5: \"m\" is empty");
    (void)parse("m = []\n").strings("m", false);
    EXPECT_EQ(mistakes(), Lines{});
}

TEST_F(TomlReaderTest, AChoiceListsWhatThereIs) {
    (void)parse("c = 'blue'\n").choice("c", {"red", "green"});
    expect_one("f.toml:1:5: \"c\" is \"blue\", and has to be one of \"red\", \"green\"");
    (void)parse("c = 5\n").choice("c", {"red", "green"});
    expect_one("f.toml:1:5: \"c\" has to be a string, and is an integer");
}

TEST_F(TomlReaderTest, UnknownKeysAreMistakes) {
    TomlTable root = parse("a = 1\nb = 2\n[t]\nx = 1\ny = 2\n");
    (void)root.integer("a", 0, 9);
    auto table = root.table("t", true);
    (void)table->integer("y", 0, 9);
    table->finish();
    root.finish();
    EXPECT_EQ(mistakes(), (Lines{"f.toml:4:1: unknown key \"x\"", "f.toml:2:1: unknown key \"b\""}));
}

TEST_F(TomlReaderTest, NamedTablesComeInTheFilesOrder) {
    TomlTable root = parse("[z]\nv = 1\n[a]\nv = 2\n[m]\nv = 3\n");
    Lines names;
    for (auto& [name, table] : root.named_tables()) {
        names.push_back(name);
        (void)table.integer("v", 0, 9);
    }
    root.finish();
    EXPECT_EQ(names, (Lines{"z", "a", "m"}));
    EXPECT_EQ(mistakes(), Lines{});
}

TEST_F(TomlReaderTest, NamedTablesAreTables) {
    EXPECT_EQ(parse("x = 1\n[a]\n").named_tables().size(), 1u);
    expect_one("f.toml:1:5: \"x\" has to be a table, and is an integer");
}

TEST_F(TomlReaderTest, ArraysOfTables) {
    EXPECT_EQ(parse("[[t]]\na = 1\n[[t]]\na = 2\n").tables("t", true).size(), 2u);
    EXPECT_TRUE(parse("[t]\na = 1\n").tables("t", true).empty());
    expect_one("f.toml:1:1: \"t\" has to be an array of tables, [[t]]");
    EXPECT_TRUE(parse("t = [1, 2]\n").tables("t", true).empty());
    expect_one("f.toml:1:5: \"t\" has to be an array of tables, [[t]]");
}

TEST_F(TomlReaderTest, ASyntaxErrorHasItsPlace) {
    parse("a = 1\nb = \n");
    ASSERT_EQ(document->diagnostics().size(), 1u);
    EXPECT_EQ(document->diagnostics()[0].line, 2u);
    EXPECT_FALSE(document->diagnostics()[0].message.empty());
}

TEST_F(TomlReaderTest, TheStatusIsTheFirstMistake) {
    (void)parse("a = 1\n").string("a");
    const Status status = document->status();
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().fault, Fault::user_input);
    EXPECT_EQ(status.error().message, "f.toml:1:5: \"a\" has to be a string, and is an integer");
}

TEST(TomlInherit, TablesAreMergedKeyByKeyAndOtherValuesStay) {
    TomlDocument document = TomlDocument::parse("a = 1\nlist = ['x']\n[t]\nb = 2\n", "own.toml");
    document.inherit(
        TomlDocument::parse("a = 5\nlist = ['y', 'z']\nother = 'o'\nown = 1\n[t]\nb = 6\nc = 7\n[u]\nd = 8\n",
                            "base.toml"),
        {"own"});
    TomlTable root = document.root();
    EXPECT_EQ(root.integer("a", 0, 9), 1);
    EXPECT_EQ(root.strings("list", true), Lines{"x"});
    EXPECT_EQ(root.string("other"), "o");
    EXPECT_FALSE(root.has("own"));
    EXPECT_EQ(root.table("t", true)->integer("b", 0, 9), 2);
    EXPECT_EQ(root.table("t", true)->integer("c", 0, 9), 7);
    EXPECT_EQ(root.table("u", true)->integer("d", 0, 9), 8);
    EXPECT_TRUE(document.status());
}

TEST(TomlInherit, AMistakeIsInItsOwnFile) {
    TomlDocument document = TomlDocument::parse("[t]\na = 'own'\nx = 1\n", "own.toml");
    document.inherit(TomlDocument::parse("b = true\n\n[t]\n  a = 1\n  c = 'base'\n  y = 2\n", "base.toml"), {});
    TomlTable root = document.root();
    root.integer("b", 0, 9);
    auto table = root.table("t", true);
    table->integer("a", 0, 9);
    table->integer("c", 0, 9);
    table->integer("d", 0, 9);
    table->finish();
    Lines lines;
    for (const auto& diagnostic : document.diagnostics()) lines.push_back(diagnostic.text());
    EXPECT_EQ(lines,
              (Lines{"base.toml:1:5: \"b\" has to be an integer, and is a boolean",
                     "own.toml:2:5: \"a\" has to be an integer, and is a string",
                     "base.toml:5:7: \"c\" has to be an integer, and is a string", "own.toml:1:1: \"d\" is missing",
                     "own.toml:3:1: unknown key \"x\"", "base.toml:6:3: unknown key \"y\""}));
}

TEST(TomlLoad, AFileThatIsNotThereIsTheUsersMistake) {
    const auto document = TomlDocument::load("/nonexistent/x.toml");
    ASSERT_FALSE(document);
    EXPECT_EQ(document.error().fault, Fault::user_input);
}

TEST(Diagnostic, WithoutALineItIsTheFiles) {
    EXPECT_EQ((Diagnostic{"f.toml", 0, 0, "is empty"}.text()), "f.toml: is empty");
    EXPECT_EQ((Diagnostic{"f.toml", 3, 7, "is wrong"}.text()), "f.toml:3:7: is wrong");
}

TEST(ParseSize, Sizes) {
    EXPECT_EQ(parse_size("0"), 0u);
    EXPECT_EQ(parse_size("4096"), 4096u);
    EXPECT_EQ(parse_size("1K"), 1ull << 10);
    EXPECT_EQ(parse_size("128M"), 128ull << 20);
    EXPECT_EQ(parse_size("3G"), 3ull << 30);
    EXPECT_EQ(parse_size("2T"), 2ull << 40);
    EXPECT_EQ(parse_size("16777215T"), 16777215ull << 40);
    for (const auto* text :
         {"", "M", "-1", "1.5G", "1 G", "1GB", "1g", "1P", "16777216T", "99999999999999999999", " 1"})
        EXPECT_FALSE(parse_size(text)) << text;
}

}  // namespace
}  // namespace memrig
