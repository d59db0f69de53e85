// Recognises the first line of a kernel report, and reads what that line alone tells.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "console/report.h"

namespace memrig::console {

struct Headline {
    ConsoleFindingKind kind = ConsoleFindingKind::oops;
    std::string_view function;  // empty if the line names none
    std::string_view comm;
    int pid = -1;
    // The line is __die()'s: "Oops: 0000 [#1]", "invalid opcode: 0000 [#1]". It usually follows a line that says more.
    bool die = false;
    bool ends_kernel = false;      // the line is panic()'s
    bool ends_with_stack = false;  // a warning that has no end marker of its own

    static Headline of(ConsoleFindingKind kind) {
        Headline made;
        made.kind = kind;
        return made;
    }
};

// Returns nothing if the line starts no report.
std::optional<Headline> headline(std::string_view text);

// Returns the pid of the task that the out-of-memory killer kills, from "Out of memory: Killed process 1 (init)". -1 if
// the line says nothing of the kind.
int oom_victim(std::string_view text);

// A line that may stand before a headline and belongs to its report: "------------[ cut here ]------------" and, on
// powerpc, "Kernel attempted to read user page".
bool is_prelude(std::string_view text);

// The task on the CPU, from the line of dump_stack_print_info() or show_regs_print_info():
// "CPU: 1 UID: 0 PID: 86 Comm: init Not tainted".
struct CpuLine {
    std::string_view comm;
    int pid = -1;
};
std::optional<CpuLine> cpu_line(std::string_view text);

// The function in a line that shows the instruction pointer ("RIP: 0010:", "NIP [", "pc : "). Nothing for any other
// line; empty if the address has no symbol.
std::optional<std::string_view> instruction_pointer(std::string_view text);

}  // namespace memrig::console
