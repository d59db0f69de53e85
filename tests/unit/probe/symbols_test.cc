// The kernel's symbols: names that are many, clones, and what an address lies in.
#include <gtest/gtest.h>

#include "probe/symbols.h"

namespace memrig {
namespace {

using Addresses = std::vector<std::uint64_t>;

const SymbolTable& table() {
    static const SymbolTable symbols({{0x5000, 't', "state_store"},
                                      {0x1000, 'T', "add_memory"},
                                      {0x2000, 't', "state_store"},
                                      {0x3000, 't', "online_pages.isra.0"},
                                      {0x3800, 't', "online_pages.constprop.0"},
                                      {0x4000, 't', "online_pages.cold"},
                                      {0x4100, 't', "online_pages_more"},
                                      {0x6000, 't', "alias_a"},
                                      {0x6000, 't', "alias_b"},
                                      {0x7000, 'D', "device_hotplug_lock"},
                                      {0x8000, 't', ".L_local"},
                                      {0x9000, 't', "twice"},
                                      {0x9000, 't', "twice"}});
    return symbols;
}

TEST(Symbols, ANameThatIsManyHasEveryAddressAscending) {
    EXPECT_EQ(table().all("state_store"), (Addresses{0x2000, 0x5000}));
    EXPECT_FALSE(table().unique("state_store"));
}

TEST(Symbols, ANameThatIsOne) {
    EXPECT_EQ(table().all("add_memory"), Addresses{0x1000});
    EXPECT_EQ(table().unique("add_memory"), 0x1000u);
    EXPECT_EQ(table().unique("device_hotplug_lock"), 0x7000u);
    EXPECT_EQ(table().unique("twice"), 0x9000u) << "the same address twice is one";
}

TEST(Symbols, ANameThatIsNone) {
    EXPECT_TRUE(table().all("remove_memory").empty());
    EXPECT_FALSE(table().unique("remove_memory"));
    EXPECT_TRUE(table().all("").empty());
    EXPECT_TRUE(table().all("add").empty()) << "a part of a name is no name";
}

TEST(Symbols, ClonesAreFoundByTheirPlainNameButNotTheColdPart) {
    EXPECT_EQ(table().all("online_pages"), (Addresses{0x3000, 0x3800}));
}

TEST(Symbols, AnAddressLiesInTheNearestBelow) {
    EXPECT_EQ(table().containing(0x1000)->name, "add_memory");
    EXPECT_EQ(table().containing(0x1fff)->name, "add_memory");
    EXPECT_EQ(table().containing(0x2000)->name, "state_store");
    EXPECT_EQ(table().containing(0xfff), nullptr);
    EXPECT_EQ(SymbolTable().containing(5), nullptr);
}

TEST(Symbols, Descriptions) {
    EXPECT_EQ(table().describe(0x1041), "add_memory+0x41");
    EXPECT_EQ(table().describe(0x3010), "online_pages.isra.0+0x10");
    EXPECT_EQ(table().describe(0x10), "0x10");
}

TEST(Symbols, FunctionsArePlain) {
    EXPECT_EQ(table().function(0x3010), "online_pages");
    EXPECT_EQ(table().function(0x4010), "online_pages") << "what runs in the cold part belongs to the function";
    EXPECT_EQ(table().function(0x10), "");
}

TEST(Symbols, WhereAFunctionEnds) {
    EXPECT_EQ(table().end_of(0x1000), 0x2000u);
    EXPECT_EQ(table().end_of(0x1800), 0x2000u);
    EXPECT_EQ(table().end_of(0x9000), 0x9001u) << "nobody knows where the last one ends";
}

TEST(Symbols, PlainNames) {
    EXPECT_EQ(plain_name("name.isra.0"), "name");
    EXPECT_EQ(plain_name("name"), "name");
    EXPECT_EQ(plain_name(".L_local"), ".L_local");
    EXPECT_EQ(plain_name(""), "");
}

TEST(Symbols, ACopyKnowsItsOwn) {
    auto first = std::make_unique<SymbolTable>(std::vector<Symbol>{{0x1000, 't', "one"}, {0x2000, 't', "two"}});
    const SymbolTable moved = std::move(*first);
    first.reset();
    EXPECT_EQ(moved.unique("two"), 0x2000u);
    EXPECT_EQ(moved.size(), 2u);
}

}  // namespace
}  // namespace memrig
