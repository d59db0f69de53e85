// Reports that look like another kind than they are: lockdep that turns itself off, stalls, allocations that fail, and
// a guest without memory.
#include <gtest/gtest.h>

#include "console/report.h"

namespace memrig {
namespace {

std::vector<ConsoleFindingKind> kinds_of(const ConsoleReport& report) {
    std::vector<ConsoleFindingKind> kinds;
    for (const auto& finding : report.findings) kinds.push_back(finding.kind);
    return kinds;
}

using Kinds = std::vector<ConsoleFindingKind>;

// print_lockdep_off() of kernel/locking/lockdep.c
constexpr const char* kLockdepOff =
    "[    9.100000][   T43] BUG: MAX_LOCKDEP_CHAINS too low!\n"
    "[    9.100100][   T43] turning off the locking correctness validator.\n"
    "[    9.100200][   T43] CPU: 1 UID: 0 PID: 43 Comm: kworker/u6:2 Not tainted 6.12.0 #1\n"
    "[    9.100300][   T43] Hardware name: QEMU Standard PC (Q35 + ICH9, 2009)\n"
    "[    9.100400][   T43] Workqueue: kacpi_hotplug acpi_hotplug_work_fn\n"
    "[    9.100500][   T43] Call Trace:\n"
    "[    9.100600][   T43]  <TASK>\n"
    "[    9.100700][   T43]  dump_stack_lvl+0x5d/0x80\n"
    "[    9.100800][   T43]  add_chain_cache+0x1a2/0x300\n"
    "[    9.100900][   T43]  __lock_acquire+0x9c1/0x1d40\n"
    "[    9.101000][   T43]  </TASK>\n";

TEST(ConsoleKinds, LockdepThatTurnsItselfOffIsNoBug) {
    const ConsoleReport report = parse_console(kLockdepOff);
    ASSERT_EQ(kinds_of(report), Kinds{ConsoleFindingKind::lockdep_off});
    EXPECT_EQ(report.findings[0].headline, "BUG: MAX_LOCKDEP_CHAINS too low!");
    EXPECT_EQ(report.findings[0].comm, "kworker/u6:2");
    EXPECT_TRUE(report.findings[0].complete);
    EXPECT_FALSE(is_crash(ConsoleFindingKind::lockdep_off));
    for (const char* limit : {"MAX_LOCKDEP_ENTRIES", "MAX_LOCKDEP_KEYS", "MAX_LOCKDEP_CHAIN_HLOCKS", "MAX_LOCK_DEPTH",
                              "MAX_STACK_TRACE_ENTRIES"})
        EXPECT_EQ(kinds_of(parse_console(fmt::format("[    9.100000] BUG: {} too low!\n", limit))),
                  Kinds{ConsoleFindingKind::lockdep_off})
            << limit;
}

// wq_watchdog_timer_fn() of kernel/workqueue.c: a vCPU that is held runs no work either.
TEST(ConsoleKinds, AWorkqueueLockupIsAStall) {
    const ConsoleReport report = parse_console(
        "[   40.100100] BUG: workqueue lockup - pool cpus=1 node=0 flags=0x0 nice=0 stuck for 32s!\n"
        "[   40.100200] Showing busy workqueues and worker pools:\n"
        "[   40.100300] workqueue events: flags=0x0\n"
        "[   40.100400]   pwq 2: cpus=1 node=0 flags=0x0 nice=0 active=1/256 refcnt=2\n"
        "[   40.100500]     pending: vmstat_shepherd\n");
    EXPECT_EQ(kinds_of(report), Kinds{ConsoleFindingKind::soft_lockup});
}

// register_lock_class() of kernel/locking/lockdep.c
TEST(ConsoleKinds, ALockThatWasNeverInitialisedIsAWarning) {
    const ConsoleReport report = parse_console(
        "[    5.200000] INFO: trying to register non-static key.\n"
        "[    5.200100] The code is fine but needs lockdep annotation, or maybe\n"
        "[    5.200200] you didn't initialize this object before use?\n"
        "[    5.200300] turning off the locking correctness validator.\n"
        "[    5.200400] CPU: 1 PID: 90 Comm: onliner Not tainted 6.1.0 #1\n"
        "[    5.200500] Call Trace:\n"
        "[    5.200600]  <TASK>\n"
        "[    5.200700]  dump_stack_lvl+0x56/0x74\n"
        "[    5.200800]  register_lock_class+0x4a5/0x4b0\n"
        "[    5.200900]  lock_acquire+0xd1/0x2d0\n"
        "[    5.201000]  online_pages+0x41/0x2b0\n"
        "[    5.201100]  </TASK>\n"
        "[    5.201200] CPU: 0 PID: 1 Comm: init Not tainted 6.1.0 #1\n");
    ASSERT_EQ(kinds_of(report), Kinds{ConsoleFindingKind::warning});
    EXPECT_EQ(report.findings[0].headline, "INFO: trying to register non-static key.");
    EXPECT_EQ(report.findings[0].comm, "onliner");
    EXPECT_EQ(report.findings[0].stack.back(), "online_pages");
    EXPECT_TRUE(report.findings[0].complete);
}

// warn_alloc() of mm/page_alloc.c, by itself and from vmemmap_alloc_block() of mm/sparse-vmemmap.c
TEST(ConsoleKinds, AnAllocationThatFailedIsAWarning) {
    for (const char* what : {"page allocation failure: order:9", "vmemmap alloc failure: order:9",
                             "vmalloc error: size 4096, failed to allocate pages"}) {
        const ConsoleReport report =
            parse_console(fmt::format("[    7.300000] kworker/u6:2: {}, mode:0x40cc0(GFP_KERNEL|__GFP_COMP), "
                                      "nodemask=(null),cpuset=/,mems_allowed=0\n"
                                      "[    7.300100] CPU: 1 PID: 43 Comm: kworker/u6:2 Not tainted 6.1.0 #1\n"
                                      "[    7.300200] Call Trace:\n"
                                      "[    7.300300]  <TASK>\n"
                                      "[    7.300400]  dump_stack_lvl+0x44/0x5c\n"
                                      "[    7.300500]  warn_alloc+0x134/0x1b0\n"
                                      "[    7.300600]  vmemmap_populate_hugepages+0x2ab/0x4f0\n"
                                      "[    7.300700]  </TASK>\n"
                                      "[    7.300800] Mem-Info:\n"
                                      "[    7.300900] active_anon:12 inactive_anon:130 isolated_anon:0\n",
                                      what));
        ASSERT_EQ(kinds_of(report), Kinds{ConsoleFindingKind::warning}) << what;
        EXPECT_TRUE(report.findings[0].headline.starts_with(fmt::format("kworker/u6:2: {}", what)));
        EXPECT_EQ(report.findings[0].comm, "kworker/u6:2");
        EXPECT_EQ(report.findings[0].pid, 43);
        EXPECT_TRUE(report.findings[0].complete) << what;
    }
}

// out_of_memory(), dump_header() and __oom_kill_process() of mm/oom_kill.c
constexpr const char* kOomKiller =
    "[   11.400000] init invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER_MOVABLE|__GFP_COMP|__GFP_ZERO), order=0, "
    "oom_score_adj=0\n"
    "[   11.400100] CPU: 0 PID: 1 Comm: init Not tainted 6.1.0 #1\n"
    "[   11.400200] Call Trace:\n"
    "[   11.400300]  <TASK>\n"
    "[   11.400400]  dump_stack_lvl+0x44/0x5c\n"
    "[   11.400500]  dump_header+0x4a/0x211\n"
    "[   11.400600]  out_of_memory.cold+0xa/0x7e\n"
    "[   11.400700]  </TASK>\n"
    "[   11.400800] Mem-Info:\n"
    "[   11.400900] active_anon:12 inactive_anon:130 isolated_anon:0\n";
constexpr const char* kKilledInit =
    "[   11.500000] Out of memory: Killed process 1 (init) total-vm:1096kB, anon-rss:8kB, file-rss:4kB, "
    "shmem-rss:0kB\n";
constexpr const char* kInitIsGone =
    "[   11.600000] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000009\n"
    "[   11.600100] CPU: 0 PID: 1 Comm: init Not tainted 6.1.0 #1\n"
    "[   11.600200] Call Trace:\n"
    "[   11.600300]  <TASK>\n"
    "[   11.600400]  panic+0x111/0x2cc\n"
    "[   11.600500]  do_exit.cold+0x15/0x15\n"
    "[   11.600600]  </TASK>\n"
    "[   11.600700] Kernel Offset: 0x1e000000 from 0xffffffff81000000\n"
    "[   11.600800] ---[ end Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000009 ]---\n";

TEST(ConsoleKinds, TheAgentThatIsKilledForLackOfMemoryIsNoCrash) {
    const ConsoleReport report = parse_console(std::string(kOomKiller) + kKilledInit + kInitIsGone);
    ASSERT_EQ(kinds_of(report), Kinds(3, ConsoleFindingKind::out_of_memory));
    EXPECT_EQ(report.findings[0].comm, "init");
    EXPECT_EQ(report.findings[1].pid, 1);
    EXPECT_TRUE(report.findings[2].complete);
    EXPECT_FALSE(is_crash(ConsoleFindingKind::out_of_memory));
}

TEST(ConsoleKinds, TheAgentThatDiesOfAnotherCauseIsAPanic) {
    EXPECT_EQ(kinds_of(parse_console(kInitIsGone)), Kinds{ConsoleFindingKind::panic});
    const std::string other =
        "[   11.500000] Out of memory: Killed process 87 (helper) total-vm:1096kB, anon-rss:8kB, file-rss:4kB\n";
    EXPECT_EQ(kinds_of(parse_console(other + kInitIsGone)),
              (Kinds{ConsoleFindingKind::out_of_memory, ConsoleFindingKind::panic}));
}

TEST(ConsoleKinds, APanicForLackOfMemoryIsNoCrash) {
    for (const char* said : {"System is deadlocked on memory", "Out of memory and no killable processes...",
                             "Out of memory: system-wide panic_on_oom is enabled"}) {
        const ConsoleReport report =
            parse_console(std::string(kOomKiller) + fmt::format("[   11.500000] Kernel panic - not syncing: {}\n"
                                                                "[   11.500100] ---[ end Kernel panic - not syncing: "
                                                                "{} ]---\n",
                                                                said, said));
        EXPECT_EQ(kinds_of(report), Kinds(2, ConsoleFindingKind::out_of_memory)) << said;
        EXPECT_TRUE(report.findings.back().complete);
    }
}

TEST(ConsoleKinds, WordsAboutMemoryAreNone) {
    for (const char* line :
         {"[    1.000000] init: mode:0x1 is what the agent says", "[    1.000000] Out of memory handling is on",
          "[    1.000000] oom-killer: a word", "[    1.000000] page allocation failure is a word as well"})
        EXPECT_TRUE(parse_console(line).findings.empty()) << line;
}

// Nothing is lost in silence: a report has at most so many findings.
TEST(ConsoleKinds, MoreFindingsThanAreKeptAreTold) {
    std::string text;
    for (std::size_t i = 0; i < console_report_limit; i++) text += "BUG: Bad page state\n";
    EXPECT_FALSE(parse_console(text).cut);
    EXPECT_TRUE(parse_console(text + "BUG: Bad page state\n").cut);
}

}  // namespace
}  // namespace memrig
