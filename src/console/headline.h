// The line that a report of the kernel's begins with, and what that line alone tells.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "console/report.h"

namespace memrig::console {

struct Headline {
    ConsoleFindingKind kind = ConsoleFindingKind::oops;
    std::string_view function;  // where it names one
    std::string_view comm;
    int pid = -1;
    // __die() prints it: "Oops: 0000 [#1]", "invalid opcode: 0000 [#1]". It mostly follows a line that says more.
    bool die = false;

    static Headline of(ConsoleFindingKind kind) {
        Headline made;
        made.kind = kind;
        return made;
    }
};

// Nothing where the line begins no report.
std::optional<Headline> headline(std::string_view text);

// A line that may stand before a headline and belongs to its report: "------------[ cut here ]------------" and, on
// powerpc, "Kernel attempted to read user page".
bool is_prelude(std::string_view text);

// Who was on the CPU, as dump_stack_print_info() and show_regs_print_info() say: "CPU: 1 UID: 0 PID: 86 Comm: init Not tainted".
struct CpuLine {
    std::string_view comm;
    int pid = -1;
};
std::optional<CpuLine> cpu_line(std::string_view text);

// The function of a line that gives the instruction pointer ("RIP: 0010:", "NIP [", "pc : "); nothing where the line is
// none, empty where it has no symbol.
std::optional<std::string_view> instruction_pointer(std::string_view text);

}  // namespace memrig::console
