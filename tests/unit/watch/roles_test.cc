#include "watch/roles.h"

#include <gtest/gtest.h>

namespace memrig {
namespace {

SymbolTable functions(const std::vector<std::string>& names) {
    std::vector<Symbol> symbols;
    std::uint64_t address = 0xffffffff81000000;
    for (const auto& name : names) symbols.push_back({address += 0x100, 't', name});
    return SymbolTable(std::move(symbols));
}

TEST(Roles, TheMostSpecificFunctionThatTheKernelHasPlays) {
    EXPECT_EQ(player_of("{adder}", functions({"add_memory_resource"})), "add_memory_resource");
    EXPECT_EQ(player_of("{adder}", functions({"add_memory_resource", "__add_memory_resource"})),
              "__add_memory_resource");
    EXPECT_EQ(player_of("{store-state}", functions({"store_mem_state"})), "store_mem_state");
    EXPECT_EQ(
        player_of("{offline-remover}", functions({"offline_and_remove_memory", "offline_and_remove_memory_ranges"})),
        "offline_and_remove_memory_ranges");
}

TEST(Roles, AFunctionOfTheSameNameThatDoesSomethingElseDoesNotPlay) {
    // Until v7.2, unregister_node() is a part of unregister_one_node().
    EXPECT_EQ(player_of("{unregister-node}", functions({"unregister_node", "unregister_one_node"})),
              "unregister_one_node");
    EXPECT_EQ(player_of("{unregister-node}", functions({"unregister_node"})), "unregister_node");
    // Other devices have a state_store(), too (kernel/cpu.c).
    EXPECT_EQ(player_of("{store-state}", functions({"state_store", "store_mem_state"})), "store_mem_state");
}

TEST(Roles, AFunctionPlaysItself) {
    EXPECT_EQ(player_of("online_pages", functions({"online_pages"})), "online_pages");
    EXPECT_EQ(player_of("online_pages", functions({"offline_pages"})), std::nullopt);
}

TEST(Roles, ARoleThatNobodyPlaysNamesWhatWasTried) {
    EXPECT_EQ(why_not_played("{store-probe}"), "none of memory_probe_store, probe_store has a symbol");
    EXPECT_EQ(why_not_played("online_pages"), "online_pages has no symbol");
}

TEST(Roles, AreSortedByName) {
    for (std::size_t i = 1; i < all_roles().size(); i++) EXPECT_LT(all_roles()[i - 1].name, all_roles()[i].name);
    EXPECT_EQ(find_role("{adder}"), &all_roles().front());
    EXPECT_EQ(find_role("adder"), nullptr);
}

}  // namespace
}  // namespace memrig
