// Writes results and messages to the terminal.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/exit_status.h"
#include "base/table.h"
#include "base/text.h"

namespace memrig {

// Returns kExitBadUsage for Fault::user_input, kExitInterrupted for Fault::interrupted, else kExitRigFault.
int exit_status_of(Fault fault);

// Prints "memrig: MESSAGE (REMEDY)" on stderr, then further lines of the message, such as the last lines of a console.
// Returns the exit status.
int report_error(const Error& error);

// Fails with Fault::user_input if a run that begins would write into a directory that is not empty, or if one that
// resumes has none. `what` is resumed: "sweep". An empty `out` stands for a new directory.
Status check_out(const std::filesystem::path& out, bool resume, const std::string& what);

// An output stream that people read: stdout or stderr.
class Terminal {
public:
    explicit Terminal(std::FILE* stream);
    void print(std::string_view text) const;
    // True for a terminal that understands "\r" and clear-to-end.
    [[nodiscard]] bool interactive() const { return interactive_; }
    // Paints only on an interactive terminal, and only if NO_COLOR is not set.
    [[nodiscard]] const Paint& paint() const { return paint_; }
    // The current width in columns; 80 if it is unknown.
    [[nodiscard]] std::size_t width() const;
    // The width to which tables fold: that of the terminal, or kUnfolded if the stream is none.
    [[nodiscard]] std::size_t table_width() const;

private:
    std::FILE* stream_;
    bool interactive_;
    Paint paint_;
};

// Writes to stdout. Fault::host if not all of it could be written.
Status print_result(std::string_view text);

// Aligns rows in columns, without blanks at the ends of lines. The first row has the headings. The table folds to the
// width of stdout.
std::string aligned(const std::vector<std::vector<std::string>>& rows);

}  // namespace memrig
