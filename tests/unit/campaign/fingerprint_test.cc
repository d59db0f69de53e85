// Tests which findings are the same and which are not. The texts are of trials on Debian's and on reference kernels.
#include "campaign/fingerprint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace memrig {
namespace {

using ::testing::Eq;
using ::testing::MatchesRegex;
using ::testing::Ne;

std::string text_of(const Finding& finding) { return fingerprint_of(finding).text; }

TEST(Fingerprint, IsTheSameForAnotherBuildOfTheKernel) {
    const Finding one = {
        "rules",
        Verdict::rule_broken,
        "R1: adder (kworker/u12:1, pid 37) entered add_memory_resource() without device_hotplug_lock (by way of "
        "__add_memory+0x3c), holding acpi_scan_lock",
        {"R1: adder (kworker/u12:1, pid 37) entered add_memory_resource() without device_hotplug_lock (by way of "
         "__add_memory+0x3c < acpi_memory_device_add+0x19e < acpi_bus_attach+0x1d8), holding acpi_scan_lock",
         "R5: onliner (onliner, pid 155) entered memory_subsys_online()"}};
    const Finding other = {
        "rules",
        Verdict::rule_broken,
        "R1: adder entered add_memory_resource() without device_hotplug_lock (by way of __add_memory+0x3a), "
        "holding nothing",
        {"R1: adder entered add_memory_resource() without device_hotplug_lock (by way of irqentry_exit+0x35 < "
         "__add_memory.constprop.0+0x3a < acpi_memory_device_add.isra.0.cold+0x18b < "
         "acpi_bus_attach+0x187), holding nothing"}};
    EXPECT_EQ(text_of(one),
              "rules: R1: adder entered add_memory_resource() without device_hotplug_lock < __add_memory < "
              "acpi_memory_device_add");
    EXPECT_EQ(text_of(one), text_of(other));
    EXPECT_EQ(fingerprint_of(one).hash, fingerprint_of(other).hash);
    EXPECT_THAT(fingerprint_of(one).hash, MatchesRegex("[0-9a-f]{12}"));
}

TEST(Fingerprint, TellsRulesFunctionsActorsAndPathsApart) {
    const auto breach = [](const char* rule, const char* actor, const char* function, const char* way) {
        return text_of({"rules",
                        Verdict::rule_broken,
                        std::string(rule) + ": " + actor + " entered " + function +
                            "() without device_hotplug_lock (by way of " + way + "), holding nothing",
                        {}});
    };
    const std::string one = breach("R1", "adder", "add_memory_resource", "__add_memory+0x3c");
    EXPECT_THAT(one, Ne(breach("R2", "adder", "add_memory_resource", "__add_memory+0x3c")));
    EXPECT_THAT(one, Ne(breach("R1", "prober", "add_memory_resource", "__add_memory+0x3c")));
    EXPECT_THAT(one, Ne(breach("R1", "adder", "remove_memory", "__add_memory+0x3c")));
    EXPECT_THAT(one, Ne(breach("R1", "adder", "add_memory_resource", "add_memory_driver_managed+0x3c")));
    EXPECT_THAT(one, Eq(breach("R1", "adder", "add_memory_resource", "__add_memory+0x40")));
}

TEST(Fingerprint, OfACrashIsItsKindItsFunctionAndItsCallers) {
    const auto crash = [](const char* address, const char* caller) {
        return text_of(
            {"crash",
             Verdict::oops,
             std::string("onliner crashed in zone_for_pfn_range: BUG: kernel NULL pointer dereference, address: ") +
                 address,
             {"memory_subsys_online", "device_online", "state_store", caller}});
    };
    EXPECT_EQ(crash("0000000000000090", "vfs_write"),
              "crash: onliner crashed in zone_for_pfn_range: BUG: kernel NULL pointer dereference, address: # < "
              "memory_subsys_online < device_online < state_store");
    EXPECT_EQ(crash("0000000000000090", "vfs_write"), crash("00000000000000a0", "ksys_write"));
    EXPECT_EQ(normalised("unable to handle page fault for address: fffffb8ec4000408"),
              "unable to handle page fault for address: #");
    EXPECT_EQ(normalised("on read at 0x00000078 in do_syscall_64+0x5d/0x90"), "on read at # in do_syscall_64");
}

TEST(Fingerprint, OfACycleDoesNotDependOnWhoComesFirst) {
    const std::vector<std::string> remover = {
        "remover (kworker/0:0, pid 9)",
        "  |- holds     mem_hotplug_lock, taken in try_remove_memory+0xa2 < offline_and_remove_memory+0x10f",
        "  '- waits for memory32's device lock in asm_sysvec_apic_timer_interrupt+0x1b < device_del+0x3d",
        "       '-> held by onliner"};
    const std::vector<std::string> onliner = {
        "onliner (onliner, pid 158)",
        "  |- holds     memory32's device lock, taken in irqentry_exit+0x35 < device_online+0x1d",
        "  '- waits for mem_hotplug_lock in memory_subsys_online+0x18b < device_online+0x4f",
        "       '-> held by remover: the cycle is closed"};
    Finding one = {"deadlock", Verdict::deadlock, "remover holds ...; onliner holds ...", remover};
    one.details.insert(one.details.end(), onliner.begin(), onliner.end());
    one.details.push_back("onliner (pid 158, D): __schedule < schedule");
    Finding other = {"deadlock", Verdict::deadlock, "onliner holds ...; remover holds ...", onliner};
    other.details.insert(other.details.end(), remover.begin(), remover.end());
    EXPECT_EQ(text_of(one), text_of(other));
    EXPECT_EQ(text_of(one),
              "deadlock: onliner holds memory#'s device lock < device_online and waits for mem_hotplug_lock < "
              "memory_subsys_online; remover holds mem_hotplug_lock < try_remove_memory and waits for memory#'s device "
              "lock < device_del");
    one.details.clear();
    other.details.clear();
    EXPECT_EQ(text_of(one), text_of(other)) << "by the summary alone";
}

TEST(Fingerprint, OfAHangIsWhereTheTasksAre) {
    const Finding one = {"deadlock",
                         Verdict::hang,
                         "2 tasks are blocked and nothing moves, without a proven cycle",
                         {"onliner (pid 155, D): __schedule < schedule < schedule_preempt_disabled < "
                          "__mutex_lock.constprop.0 < device_online"}};
    Finding other = one;
    other.details = {"onliner (pid 99, D): __schedule < schedule < __mutex_lock < device_online"};
    EXPECT_EQ(text_of(one), text_of(other));
    EXPECT_EQ(text_of(one), "deadlock: hang: tasks are blocked and nothing moves < device_online");
    other.details = {"onliner (pid 99, D): __schedule < schedule < device_offline"};
    EXPECT_NE(text_of(one), text_of(other));
}

TEST(Fingerprint, OfAnInversionIsTheTwoOrders) {
    const Finding one = {
        "lock-order",
        Verdict::lock_order,
        "mem_hotplug_lock and memory32's device lock are taken in both orders, with no gate",
        {"adder: mem_hotplug_lock (add_memory_resource+0xc4), then memory32's device lock (__device_attach+0x34)",
         "onliner: memory32's device lock (device_online+0x1f), then mem_hotplug_lock (memory_subsys_online+0x18b)"}};
    const Finding other = {
        "lock-order",
        Verdict::lock_order,
        "memory33's device lock and mem_hotplug_lock are taken in both orders, with no gate",
        {"onliner: memory33's device lock (irqentry_exit+0x35), then mem_hotplug_lock (mem_hotplug_begin+0x15)",
         "adder: mem_hotplug_lock (add_memory_resource+0xa2), then memory33's device lock (?)"}};
    EXPECT_EQ(text_of(one), text_of(other));
    EXPECT_EQ(text_of(one),
              "lock-order: adder: mem_hotplug_lock, then memory#'s device lock; onliner: memory#'s device lock, then "
              "mem_hotplug_lock, with no gate");
}

TEST(Fingerprint, NamesKeepTheirDigits) {
    EXPECT_EQ(normalised("objects in slab kmalloc-1k: 18 more after 9 rounds (288, was 270)"),
              "objects in slab kmalloc-1k: # more after # rounds (#, was #)");
    EXPECT_EQ(normalised("WARNING: CPU: 2 PID: 56 at mm/slub.c:123 lockdep_assert_cpus_held+0x2d/0x40"),
              "WARNING: CPU: # PID: # at mm/slub.c:# lockdep_assert_cpus_held");
    EXPECT_EQ(normalised("soft lockup - CPU#1 stuck for 26s! [kworker/0:1:9]"),
              "soft lockup - CPU# stuck for #! [kworker]");
    EXPECT_EQ(normalised("x64_sys_write+0x1 deadbeef facade01 memory memorys2 .cold a.b.c"),
              "x64_sys_write deadbeef # memory memorys2 .cold a.b.c");
}

// It comes from a guest, and from a file that somebody may have written to.
TEST(Fingerprint, TakesAnything) {
    for (const char* text : {"", " (", " (pid 1", "\x1b[31m\n\xff", "a+0x", "a.", "memory", "kworker/", "0x", "-", "#1",
                             " < < ", "(by way of "})
        for (const char* oracle : {"rules", "deadlock", "lock-order", "crash", "console", "accounting", ""}) {
            const Fingerprint made = fingerprint_of({oracle, Verdict::deadlock, text, {text, text, text}});
            EXPECT_EQ(made.text.find_first_of("\n\x1b\xff"), std::string::npos);
            EXPECT_EQ(made.hash.size(), 12u);
        }
    EXPECT_LT(fingerprint_of({"crash", Verdict::oops, std::string(1'000'000, 'a'), {}}).text.size(), 5000u);
}

TEST(Fingerprint, FindingsAreReadFromWhatIsStored) {
    const auto findings = parse_findings(
        R"([{"oracle": "crash", "verdict": "oops", "summary": "s", "details": ["a", 7, "b"]}, 3, {"verdict": "fine"}, {"oracle": 1, "verdict": "held"}])");
    ASSERT_EQ(findings.size(), 2u);
    EXPECT_EQ(findings[0].oracle, "crash");
    EXPECT_THAT(findings[0].details, ::testing::ElementsAre("a", "b"));
    EXPECT_TRUE(accuses(findings[0]));
    EXPECT_FALSE(accuses(findings[1]));
    EXPECT_TRUE(accuses({"console", Verdict::inconclusive, "the console is not quiet: WARNING", {}}));
    EXPECT_FALSE(accuses({"evidence", Verdict::inconclusive, "no end to the step", {}}));
    for (const char* none : {"", "{", "{}", "null", "[]", "[[]]"}) EXPECT_TRUE(parse_findings(none).empty()) << none;
}

}  // namespace
}  // namespace memrig
