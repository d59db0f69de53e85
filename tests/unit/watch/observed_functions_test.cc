#include "watch/observed_functions.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "watch/lock_names.h"

namespace memrig {
namespace {

using testing::IsEmpty;

const Architecture& observed_architecture(const char* name) { return *find_architecture(name); }

// A function of 0x40 bytes each, in this order.
SymbolTable observed_symbols(std::vector<std::pair<char, std::string>> names) {
    std::vector<Symbol> list;
    std::uint64_t address = 0xffffffff81000000;
    for (const auto& [type, name] : names) list.push_back({address += 0x40, type, name});
    return SymbolTable(std::move(list));
}

std::string described(const ObservedFunctions& all) {
    std::string text;
    for (std::uint32_t i = 0; i < all.table.functions; i++)
        text += fmt::format("{} role {} watched {}\n", all.functions[i].name, static_cast<int>(all.functions[i].role),
                            all.table.function[i].watched);
    return text;
}

TEST(ObservedFunctions, AreThoseOfTheMutexCodeAndTheRwsems) {
    const auto all = observed_functions(observed_symbols({{'T', "mutex_lock"},
                                                          {'t', "__mutex_lock.constprop.0"},
                                                          {'T', "mutex_trylock"},
                                                          {'T', "mutex_unlock"},
                                                          {'t', "__mutex_unlock_slowpath.isra.0"},
                                                          {'T', "mutex_is_locked"},
                                                          {'T', "__mutex_init"},
                                                          {'d', "mutex_data"},
                                                          {'T', "ww_mutex_lock"},
                                                          {'T', "percpu_down_write"},
                                                          {'T', "rcu_sync_enter"},
                                                          {'T', "percpu_up_write"},
                                                          {'T', "cpus_read_lock"},
                                                          {'T', "cpus_read_unlock"},
                                                          {'T', "cpus_read_trylock"},
                                                          {'T', "get_online_mems"},
                                                          {'T', "last"}}),
                                        observed_architecture("x86_64"));
    EXPECT_EQ(described(all),
              "mutex_lock role 0 watched 4\n"
              "__mutex_lock role 0 watched 4\n"
              "mutex_trylock role 1 watched 7\n"
              "mutex_unlock role 2 watched 4\n"
              "__mutex_unlock_slowpath role 2 watched 4\n"
              "percpu_down_write role 3 watched 7\n"
              "rcu_sync_enter role 4 watched 4\n"
              "percpu_up_write role 5 watched 5\n"
              "cpus_read_lock role 6 watched 3\n"
              "cpus_read_unlock role 7 watched 1\n"
              "get_online_mems role 6 watched 3\n");
    EXPECT_THAT(all.gaps, IsEmpty());
    EXPECT_EQ(all.table.code, static_cast<std::uint32_t>(OBSERVER_CODE_X86_64));
    EXPECT_EQ(all.functions.back().fixed, locks::mem_hotplug);
    EXPECT_EQ(all.table.function[0].start, 0xffffffff81000040);
    EXPECT_EQ(all.table.function[0].end, 0xffffffff81000080);
}

TEST(ObservedFunctions, APieceBelongsToItsFunction) {
    const auto all = observed_functions(
        observed_symbols({{'t', "mutex_trylock.cold"}, {'T', "mutex_trylock"}, {'T', "mutex_lock"}, {'T', "last"}}),
        observed_architecture("x86_64"));
    ASSERT_EQ(all.table.functions, 3u);
    EXPECT_EQ(all.table.function[0].watched, static_cast<std::uint32_t>(OBSERVER_LEAVE | OBSERVER_ACCESS));
    EXPECT_EQ(all.table.function[0].group, all.table.function[1].group);
    EXPECT_NE(all.table.function[1].group, all.table.function[2].group);
}

TEST(ObservedFunctions, TwoNamesOfOneFunctionAreOne) {
    const auto all = observed_functions(SymbolTable({{0xffffffff81000000, 'T', "mutex_lock"},
                                                     {0xffffffff81000000, 'T', "mutex_lock_nested"},
                                                     {0xffffffff81000040, 'T', "last"}}),
                                        observed_architecture("x86_64"));
    EXPECT_EQ(all.table.functions, 1u);
}

TEST(ObservedFunctions, AnArchitectureWhoseReturnsAreNotKnownIsAGap) {
    const auto all =
        observed_functions(observed_symbols({{'T', "mutex_trylock"}, {'T', "last"}}), observed_architecture("ppc64le"));
    ASSERT_EQ(all.table.functions, 1u);
    EXPECT_EQ(all.table.function[0].watched, static_cast<std::uint32_t>(OBSERVER_ENTRY | OBSERVER_ACCESS));
    EXPECT_EQ(all.gaps.size(), 1u);
}

TEST(ObservedFunctions, TooManyFunctionsAreAGap) {
    std::vector<std::pair<char, std::string>> names;
    for (int i = 0; i < OBSERVER_MOST_FUNCTIONS + 5; i++) names.emplace_back('T', fmt::format("mutex_lock_{}", i));
    const auto all = observed_functions(observed_symbols(names), observed_architecture("x86_64"));
    EXPECT_EQ(all.table.functions, static_cast<std::uint32_t>(OBSERVER_MOST_FUNCTIONS));
    EXPECT_EQ(all.gaps.size(), 1u);
}

// The wrapper of a lock function is no function that takes a lock, but of its kind.
TEST(ObservedFunctions, AWrapperIsOfTheKindOfWhatItCalls) {
    const auto all = observed_functions(
        observed_symbols(
            {{'T', "mem_hotplug_begin"}, {'T', "percpu_down_write"}, {'T', "mutex_unlock"}, {'T', "last"}}),
        observed_architecture("x86_64"));
    ASSERT_EQ(all.table.functions, 3u);
    EXPECT_EQ(all.table.function[0].watched, static_cast<std::uint32_t>(OBSERVER_WRAPS));
    EXPECT_EQ(all.table.function[0].kind, all.table.function[1].kind);
    EXPECT_NE(all.table.function[0].kind, all.table.function[2].kind);
    for (int role = 0; role <= static_cast<int>(ObservedRole::none); role++)
        EXPECT_LT(kind_of(static_cast<ObservedRole>(role)), static_cast<std::uint32_t>(OBSERVER_KINDS));
}

TEST(ObservedFunctions, OthersAreToldByTheirCalls) {
    const auto symbols = observed_symbols({{'T', "slab_callback"},
                                           {'T', "mutex_lock"},
                                           {'T', "mem_hotplug_begin"},
                                           {'T', "bus_probe_device"},
                                           {'T', "last"}});
    const std::map<std::uint64_t, ObservedCall> others = {
        {*symbols.unique("slab_callback"), {}},
        {*symbols.unique("mutex_lock"), {}},
        {*symbols.unique("mem_hotplug_begin"), {.whole = true}},
        {*symbols.unique("bus_probe_device"), {.whole = true, .pointer = 2}}};
    const auto all = observed_functions(symbols, observed_architecture("x86_64"), others, true);
    ASSERT_EQ(all.table.functions, 4u);
    const auto watched = [&](std::uint32_t i) { return all.table.function[i].watched; };
    EXPECT_EQ(all.functions[0].role, ObservedRole::none);
    EXPECT_TRUE(all.functions[0].told && !all.functions[0].whole);
    EXPECT_EQ(watched(0), static_cast<std::uint32_t>(OBSERVER_ENTRY));
    EXPECT_EQ(all.functions[1].role, ObservedRole::locks_mutex) << "a lock function stays one";
    EXPECT_EQ(watched(1), static_cast<std::uint32_t>(OBSERVER_ENTRY | OBSERVER_ACCESS));
    EXPECT_EQ(all.functions[2].role, ObservedRole::none) << "its calls are told, and the lock is that of another";
    EXPECT_EQ(watched(2), static_cast<std::uint32_t>(OBSERVER_ENTRY | OBSERVER_CALL | OBSERVER_WRAPS));
    EXPECT_EQ(watched(3), static_cast<std::uint32_t>(OBSERVER_ENTRY | OBSERVER_CALL));
    EXPECT_EQ(all.table.function[3].pointer, 2u);
    // Without registers, no whole call is told.
    const auto less = observed_functions(symbols, observed_architecture("x86_64"), others);
    ASSERT_EQ(less.table.functions, 3u);
    EXPECT_FALSE(less.functions[2].told);
}

}  // namespace
}  // namespace memrig
