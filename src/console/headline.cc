#include "console/headline.h"

#include <algorithm>
#include <array>

#include "console/lockdep.h"
#include "console/stack.h"
#include "console/text.h"

namespace memrig::console {

namespace {

using enum ConsoleFindingKind;

bool starts_with_one_of(std::string_view text, auto const& prefixes) {
    return std::ranges::any_of(prefixes, [text](std::string_view prefix) { return text.starts_with(prefix); });
}

// __die() of x86 ("%s: %04lx [#%d]"), of powerpc ("Oops: %s, sig: %ld [#%d]") and of arm64
// ("Internal error: %s: %016lx [#%d]").
bool is_die_line(std::string_view text) {
    const auto at = text.find(" [#");
    if (at == std::string_view::npos) return false;
    std::string_view count = text.substr(at + 3);
    if (take_digits(count).empty() || !count.starts_with("]")) return false;
    const std::string_view said = text.substr(0, at);
    if (contains(said, ", sig: ")) return true;
    const auto colon = said.rfind(": ");
    if (colon == std::string_view::npos) return false;
    std::string_view code = said.substr(colon + 2);
    return take_hex(code).size() >= 4 && code.empty();
}

std::optional<Headline> crash(std::string_view text) {
    // show_fault_oops() of x86 (two generations), bad_page_fault() of powerpc (two), __do_kernel_fault() of arm64,
    // report_bug(), handle_stack_overflow(), exc_double_fault(), handle_bad_stack().
    static constexpr auto prefixes = std::to_array<std::string_view>(
        {"BUG: unable to handle ", "BUG: kernel NULL pointer dereference", "BUG: Unable to handle ",
         "BUG: Kernel NULL pointer dereference", "Unable to handle kernel ", "Unable to handle unknown paging fault",
         "kernel BUG at ", "Kernel BUG at ", "general protection fault", "BUG: stack guard page was hit",
         "BUG: TASK stack guard page was hit", "BUG: IRQ stack guard page was hit", "PANIC: double fault",
         "traps: PANIC: double fault", "Insufficient stack space to handle exception!"});
    if (is_die_line(text) || text.starts_with("Oops: ")) {
        Headline found = Headline::of(oops);
        found.die = true;
        return found;
    }
    if (starts_with_one_of(text, prefixes)) return Headline::of(oops);
    return std::nullopt;
}

// The first "func+0x1/0x2" among the words of a line.
std::string_view first_symbol(std::string_view text) {
    while (!text.empty()) {
        const std::string_view word = take_word(text);
        if (const std::string_view symbol = symbol_at(word); !symbol.empty()) return symbol;
        skip_spaces(text);
    }
    return {};
}

// __warn(): "WARNING: CPU: 1 PID: 86 at file:28 func+0x1/0x2"; older: "WARNING: at file:28 func+0x1/0x2()"; newer:
// "WARNING: file:28 at func+0x1/0x2, CPU#1: init/86".
std::optional<Headline> warning_line(std::string_view text) {
    if (!consume(text, "WARNING: ")) return std::nullopt;
    Headline found = Headline::of(warning);
    found.function = first_symbol(text);
    if (text.starts_with("CPU: ")) {
        found.pid = pid_after(text, " PID: ");
        return found;
    }
    if (const auto at = text.rfind(", CPU#"); at != std::string_view::npos) {
        if (const auto who = after(text.substr(at), ": ")) {
            if (const auto task = task_name(*who, '/')) {
                found.comm = task->comm;
                found.pid = task->pid;
                return found;
            }
        }
    }
    if (text.starts_with("at ") && !found.function.empty()) return found;
    return std::nullopt;  // a message of a driver or of the firmware
}

// check_hung_task(): "INFO: task %s:%d blocked for more than %ld seconds."
std::optional<Headline> hung_line(std::string_view text) {
    if (!consume(text, "INFO: task ")) return std::nullopt;
    const auto at = text.rfind(" blocked ");
    if (at == std::string_view::npos || !contains(text.substr(at), "for more than ")) return std::nullopt;
    Headline found = Headline::of(hung_task);
    if (const auto task = task_name(text.substr(0, at), ':')) {
        found.comm = task->comm;
        found.pid = task->pid;
    }
    return found;
}

// watchdog_timer_fn(): "BUG: soft lockup - CPU#%d stuck for %us! [%s:%d]"; watchdog_hardlockup_check() and, on powerpc,
// soft_nmi_interrupt(): "hard LOCKUP".
std::optional<Headline> lockup(std::string_view text) {
    const bool watchdog = consume(text, "NMI watchdog: ") || consume(text, "watchdog: ");
    Headline found = Headline::of(soft_lockup);
    if (text.starts_with("BUG: soft lockup")) {
        const auto open = text.rfind('[');
        if (open != std::string_view::npos && text.ends_with(']')) {
            if (const auto task = task_name(text.substr(open + 1, text.size() - open - 2), ':')) {
                found.comm = task->comm;
                found.pid = task->pid;
            }
        }
        return found;
    }
    if (text.starts_with("Watchdog detected hard LOCKUP")) return found;
    if (watchdog && contains(text, "detected hard LOCKUP")) return found;
    return std::nullopt;
}

// print_cpu_stall(), print_other_cpu_stall(), synchronize_rcu_expedited_wait().
bool is_rcu_stall(std::string_view text) {
    consume(text, "rcu: ");
    return text.starts_with("INFO: rcu") && contains(text, "stall");
}

std::optional<Headline> sanitizer_line(std::string_view text) {
    static constexpr auto prefixes =
        std::to_array<std::string_view>({"BUG: KASAN: ", "BUG: KCSAN: ", "BUG: KFENCE: ", "BUG: KMSAN: ", "UBSAN: "});
    if (!starts_with_one_of(text, prefixes)) return std::nullopt;
    const auto where = after(text, " in ");
    if (!where) return text.starts_with("BUG") ? std::optional(Headline::of(sanitizer)) : std::nullopt;
    Headline found = Headline::of(sanitizer);
    found.function = symbol_at(*where);
    // KCSAN prints bare names: "data-race in a / b".
    if (std::string_view rest = *where; found.function.empty() && text.starts_with("BUG"))
        found.function = take_word(rest);
    return found;
}

// print_lockdep_off(): "BUG: MAX_LOCKDEP_CHAINS too low!". A limit of lockdep's was reached, and it stops checking.
bool is_lockdep_off(std::string_view text) { return text.starts_with("BUG: MAX_") && contains(text, " too low!"); }

// wq_watchdog_timer_fn(): "BUG: workqueue lockup - pool cpus=1 ... stuck for 32s!".
bool is_workqueue_lockup(std::string_view text) {
    consume(text, "workqueue: ");
    return text.starts_with("BUG: workqueue lockup");
}

// register_lock_class() of lockdep: a lock that nobody initialised. warn_alloc(): "%s: %pV, mode:%#x(%pGg), nodemask=",
// where the text in the middle is "page allocation failure: order:9" or "vmemmap alloc failure: order:9".
std::optional<Headline> failure(std::string_view text) {
    Headline found = Headline::of(warning);
    found.ends_with_stack = true;
    if (text.starts_with("INFO: trying to register non-static key.")) return found;
    const auto at = text.find(", mode:0x");
    if (at == std::string_view::npos || !contains(text.substr(at), ", nodemask=")) return std::nullopt;
    const auto comm = before(text.substr(0, at), ": ");
    if (!comm) return std::nullopt;
    found.comm = *comm;
    return found;
}

// dump_header() of mm/oom_kill.c: "%s invoked oom-killer: gfp_mask=".
std::optional<Headline> oom_line(std::string_view text) {
    Headline found = Headline::of(out_of_memory);
    if (const auto comm = before(text, " invoked oom-killer: gfp_mask=")) {
        found.comm = *comm;
        return found;
    }
    const int pid = oom_victim(text);
    if (pid < 0) return std::nullopt;
    found.pid = pid;
    return found;
}

// out_of_memory(), check_panic_on_oom().
bool names_lack_of_memory(std::string_view text) {
    consume(text, "Kernel panic - not syncing: ");
    return text.starts_with("System is deadlocked on memory") || text.starts_with("Out of memory");
}

bool is_other_bug(std::string_view text) {
    static constexpr auto subsystems =
        std::to_array<std::string_view>({"workqueue: ", "rcu: ", "mm: ", "NMI watchdog: ", "watchdog: "});
    for (const std::string_view subsystem : subsystems) consume(text, subsystem);
    return text.starts_with("BUG: ");
}

}  // namespace

std::optional<Headline> headline(std::string_view text) {
    if (auto found = crash(text)) return found;
    if (text.starts_with("Kernel panic - not syncing")) {
        Headline found = Headline::of(names_lack_of_memory(text) ? out_of_memory : panic);
        found.ends_kernel = true;
        return found;
    }
    if (is_lockdep_headline(text)) return Headline::of(lockdep);
    if (auto found = warning_line(text)) return found;
    if (auto found = hung_line(text)) return found;
    if (is_rcu_stall(text)) return Headline::of(rcu_stall);
    if (auto found = lockup(text)) return found;
    if (auto found = sanitizer_line(text)) return found;
    if (auto found = failure(text)) return found;
    if (auto found = oom_line(text)) return found;
    if (is_lockdep_off(text)) return Headline::of(lockdep_off);
    if (is_workqueue_lockup(text)) return Headline::of(soft_lockup);
    if (is_other_bug(text)) return Headline::of(other_bug);
    return std::nullopt;
}

int oom_victim(std::string_view text) {
    consume(text, "Memory cgroup out of memory: ");
    consume(text, "Out of memory: ");
    // Before v5.3, "Kill process 1 (init) score 0 or sacrifice child" came first.
    if (!consume(text, "Killed process ") && !consume(text, "Kill process ")) return -1;
    return to_pid(take_digits(text));
}

bool is_prelude(std::string_view text) {
    return text.starts_with("------------[ cut here ]") || text.starts_with("Kernel attempted to ") ||
           text.starts_with("kernel tried to execute ");
}

std::optional<CpuLine> cpu_line(std::string_view text) {
    if (!text.starts_with("CPU: ")) return std::nullopt;
    const auto comm = after(text, " Comm: ");
    if (!comm) return std::nullopt;
    const std::size_t end = std::min(comm->find(" Not tainted"), comm->find(" Tainted: "));
    return CpuLine{.comm = trim(comm->substr(0, end)), .pid = pid_after(text, "PID: ")};
}

std::optional<std::string_view> instruction_pointer(std::string_view text) {
    if (consume(text, "RIP: ") || consume(text, "EIP: ")) {
        if (text.starts_with("0033:") || text.starts_with("0023:")) return std::nullopt;  // user space
        if (text.size() > 5 && text[4] == ':') text.remove_prefix(5);
    } else if (!consume(text, "IP: ") && !consume(text, "NIP ") && !consume(text, "pc : ") &&
               !consume(text, "PC is at ")) {
        return std::nullopt;
    }
    skip_spaces(text);
    while (take_address(text)) skip_spaces(text);
    return symbol_at(text);
}

}  // namespace memrig::console
