// What goes to the terminal.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/exit_status.h"
#include "base/text.h"

namespace memrig {

// kExitBadUsage for what the user gave, kExitInterrupted for an interruption, kExitRigFault for all else.
int exit_status_of(Fault fault);

// "memrig: MESSAGE (REMEDY)" on stderr; further lines of the message (a console's last ones) follow it. Returns the exit status.
int report_error(const Error& error);

// A stream that people read.
class Terminal {
public:
    explicit Terminal(std::FILE* stream);
    void print(std::string_view text) const;
    // A terminal that understands "\r" and clear-to-end.
    [[nodiscard]] bool interactive() const { return interactive_; }
    // On a terminal, unless NO_COLOR is set.
    [[nodiscard]] const Paint& paint() const { return paint_; }
    // As it is now; 80 where it cannot be told.
    [[nodiscard]] std::size_t width() const;

private:
    std::FILE* stream_;
    bool interactive_;
    Paint paint_;
};

// Writes to stdout; Fault::host if not all of it could be written.
Status print_result(std::string_view text);

// Rows in columns, the first one a heading; no blanks at the ends of lines.
std::string aligned(const std::vector<std::vector<std::string>>& rows);

}  // namespace memrig
