// What a kernel's console says of trouble: oopses, warnings, hung tasks, lockdep reports, sysrq dumps.
// A parser of foreign text: bounded, never throws, survives any truncation. Golden files hold it in place.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace memrig {

enum class ConsoleFindingKind {
    oops,  // "BUG: unable to handle", "Oops:", "kernel BUG at", "general protection fault", "Kernel access of bad area"
    panic,      // "Kernel panic - not syncing"
    warning,    // "WARNING: CPU: ...", and "WARNING: file:line at func, CPU#..." of newer kernels
    hung_task,  // "INFO: task X:PID blocked for more than N seconds"
    lockdep,    // "WARNING: possible circular locking dependency", "possible recursive locking", "held lock freed", ...
    rcu_stall,  // "rcu: INFO: rcu_sched self-detected stall", "detected stalls on CPUs/tasks"
    soft_lockup,  // "watchdog: BUG: soft lockup", "hard LOCKUP"
    sanitizer,    // "BUG: KASAN:", "UBSAN:", "BUG: KCSAN:", "BUG: KFENCE:"
    other_bug     // any other "BUG: " line ("BUG: scheduling while atomic", "BUG: Bad page state")
};

const char* to_string(ConsoleFindingKind kind);
// The kernel went on at best as a wreck: an oops, a panic, what a sanitizer found, and any other "BUG: ".
bool is_crash(ConsoleFindingKind kind);

// A lock that a task holds: as sysrq-d ("Showing all locks held in the system") prints it, and lockdep's reports; lockdep kernels
// only. Of a task that is running (a held vCPU's!) sysrq-d lists none: lockdep_print_held_locks().
struct HeldLockDump {
    std::string comm;
    int pid = -1;
    std::string lock_class;  // "mem_hotplug_lock", "&dev->mutex", "device_hotplug_lock"
    std::string instance;    // the address in hex where the kernel prints it (4.16 and newer), else empty
    std::string at;          // "function+0x1/0x2", where it was taken
};

// "-> #1 (mem_hotplug_lock){++++}-{0:0}:" and the stack below it: where this lock was first taken with the next lower one held
// (print_circular_bug_entry()).
struct LockChainLink {
    std::string lock_class;
    std::vector<std::string> stack;  // innermost first
};

struct ConsoleFinding {
    ConsoleFindingKind kind = ConsoleFindingKind::oops;
    std::string headline;            // the line that says what it is, without time stamp and caller prefix
    std::string function;            // where: of RIP:/NIP/pc or the headline; of lockdep's "at:"; else of the
                                     // first stack entry below the printing of reports and the scheduler; may be empty
    std::string comm;                // the task that was on the CPU, if named
    int pid = -1;                    // its pid, or -1
    std::vector<std::string> stack;  // functions only, innermost first ("?" and "(unreliable)" left out)
    bool complete = false;           // its end marker was seen ("---[ end trace", or the end of its last call trace)
    std::size_t first_line = 0;      // 0-based line of the console text; that of "[ cut here ]" where there is one
    std::size_t last_line = 0;       // the last that is known to belong to it
    std::vector<LockChainLink> chain;  // of a circular locking report: the dependencies, as printed (in reverse order)
    std::vector<HeldLockDump> held;    // of lockdep's: the locks that the reported task holds
};

// A task as sysrq-w or sysrq-t prints it. One that a hung task or RCU stall report prints is that finding's.
struct TaskDump {
    std::string comm;
    char state = '?';  // 'D', 'S', 'R', ...
    int pid = -1;
    std::vector<std::string> stack;  // innermost first
};

// Strings are printable ASCII, whatever the console had. At most this many of each kind are kept, the first ones.
inline constexpr std::size_t console_report_limit = 10'000;

struct ConsoleReport {
    std::vector<ConsoleFinding> findings;
    std::vector<TaskDump> tasks;
    std::vector<HeldLockDump> held_locks;
};

// `text` is the console as captured: CR LF or LF, time stamps, caller ids ("[    T12]", "[ C1]"), log level prefixes and
// interleaved lines may or may not be there. Where some lines have time stamps, those without are taken for a program's
// and begin no finding. Time and memory are linear in `text`.
ConsoleReport parse_console(std::string_view text);

}  // namespace memrig
