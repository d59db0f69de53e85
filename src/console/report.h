// Parses a kernel's console for signs of trouble: oopses, warnings, hung tasks, lockdep reports, sysrq dumps.
// The text is foreign: parsing is bounded, never throws, and copes with any truncation. Golden files check the results.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace memrig {

enum class ConsoleFindingKind {
    // "BUG: unable to handle", "Oops:", "kernel BUG at", "general protection fault", "Kernel access of bad area"
    oops,
    panic,  // "Kernel panic - not syncing"
    // "WARNING: CPU: ...", and "WARNING: file:line at func, CPU#..." of newer kernels; "INFO: trying to register
    // non-static key."; allocations that failed: "page allocation failure", "vmemmap alloc failure"
    warning,
    hung_task,  // "INFO: task X:PID blocked for more than N seconds"
    lockdep,    // "WARNING: possible circular locking dependency", "possible recursive locking", "held lock freed", ...
    rcu_stall,  // "rcu: INFO: rcu_sched self-detected stall", "detected stalls on CPUs/tasks"
    soft_lockup,    // "watchdog: BUG: soft lockup", "hard LOCKUP", "BUG: workqueue lockup"
    lockdep_off,    // "BUG: MAX_LOCKDEP_CHAINS too low!": lockdep turned itself off, and the kernel is none the worse
    out_of_memory,  // "invoked oom-killer", "Out of memory: Killed process", and the panic that follows from it
    sanitizer,      // "BUG: KASAN:", "UBSAN:", "BUG: KCSAN:", "BUG: KFENCE:"
    other_bug       // any other "BUG: " line ("BUG: scheduling while atomic", "BUG: Bad page state")
};

const char* to_string(ConsoleFindingKind kind);
// True if the kernel can no longer be trusted: after an oops, a panic, a sanitizer's report, or any other "BUG: ". Not
// true for a guest that has no memory left: this is no fault of the kernel's.
bool is_crash(ConsoleFindingKind kind);

// A lock that a task holds, as sysrq-d ("Showing all locks held in the system") and lockdep's reports print it. Only
// kernels with lockdep print it. sysrq-d lists no locks of a running task (lockdep_print_held_locks()): the task on a
// held vCPU is one.
struct HeldLockDump {
    std::string comm;
    int pid = -1;
    std::string lock_class;  // "mem_hotplug_lock", "&dev->mutex", "device_hotplug_lock"
    std::string instance;    // the address in hex if the kernel prints it (since 4.16), else empty
    std::string at;          // the place where it was taken, "function+0x1/0x2"
};

// One entry of print_circular_bug_entry(), "-> #1 (mem_hotplug_lock){++++}-{0:0}:". The stack below it shows where this
// lock was first taken while the next lower one was held.
struct LockChainLink {
    std::string lock_class;
    std::vector<std::string> stack;  // innermost first
};

struct ConsoleFinding {
    ConsoleFindingKind kind = ConsoleFindingKind::oops;
    std::string headline;  // the line that says what it is, without time stamp and caller prefix
    // The function that the finding is about, from RIP:/NIP/pc, the headline, or lockdep's "at:". Otherwise the first
    // stack entry that neither prints reports nor belongs to the scheduler. May be empty.
    std::string function;
    std::string comm;                // the task on the CPU, if named
    int pid = -1;                    // its pid, or -1
    std::vector<std::string> stack;  // functions only, innermost first, without "?" and "(unreliable)" entries
    bool complete = false;           // its end was seen: "---[ end trace", or the end of its last call trace
    std::size_t first_line = 0;      // line of the console text, from 0; "[ cut here ]" if there is one
    std::size_t last_line = 0;       // the last line that is known to belong to it
    // In a circular locking report: the dependencies, in the (reverse) order in which they are printed.
    std::vector<LockChainLink> chain;
    std::vector<HeldLockDump> held;  // in a lockdep report: the locks that the reported task holds
};

// A task as sysrq-w or sysrq-t prints it. A task in a hung task or RCU stall report belongs to that finding instead.
struct TaskDump {
    std::string comm;
    char state = '?';  // 'D', 'S', 'R', ...
    int pid = -1;
    std::vector<std::string> stack;  // innermost first
};

// True if the kernel ended because it had no memory left: it panicked, and that was the cause.
bool is_panic_of_memory(const ConsoleFinding& finding);

// A ConsoleReport keeps at most this many entries of each kind, the first ones. All strings are printable ASCII.
inline constexpr std::size_t console_report_limit = 10'000;

struct ConsoleReport {
    std::vector<ConsoleFinding> findings;
    std::vector<TaskDump> tasks;
    std::vector<HeldLockDump> held_locks;
    bool cut = false;  // there were more findings than are kept
};

// `text`: the console as captured. Lines may end in CR LF or LF, and may be interleaved. They may have time stamps,
// caller ids ("[    T12]", "[ C1]") and log levels. If any line has a time stamp, lines without one count as a
// program's and start no finding. Time and memory are linear in `text`.
ConsoleReport parse_console(std::string_view text);

}  // namespace memrig
