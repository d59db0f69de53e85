#include "cli/output.h"

#include <algorithm>
#include <cstdlib>

#include <sys/ioctl.h>
#include <unistd.h>

namespace memrig {

namespace {

bool understands_cursor(std::FILE* stream) {
    const char* kind = std::getenv("TERM");
    return ::isatty(::fileno(stream)) == 1 && kind != nullptr && *kind != '\0' && std::string_view(kind) != "dumb";
}

bool colours_wanted() {
    const char* no_colour = std::getenv("NO_COLOR");
    return no_colour == nullptr || *no_colour == '\0';
}

}  // namespace

int exit_status_of(Fault fault) {
    switch (fault) {
        case Fault::user_input: return kExitBadUsage;
        case Fault::interrupted: return kExitInterrupted;
        case Fault::guest:
        case Fault::rig:
        case Fault::host: break;
    }
    return kExitRigFault;
}

int report_error(const Error& error) {
    const std::size_t end = error.message.find('\n');
    std::string text = "memrig: " + one_line(error.message.substr(0, end));
    if (!error.remedy.empty()) text += " (" + one_line(error.remedy) + ")";
    text += '\n';
    for (std::size_t at = end; at != std::string::npos;) {
        const std::size_t next = error.message.find('\n', at + 1);
        const std::string line = one_line(std::string_view(error.message).substr(at + 1, next - at - 1));
        if (!line.empty() || next != std::string::npos) text += line + '\n';
        at = next;
    }
    std::fflush(stdout);
    std::fputs(text.c_str(), stderr);
    return exit_status_of(error.fault);
}

Status check_out(const fs::path& out, bool resume, const std::string& what) {
    if (resume && out.empty())
        return fail_with({Fault::user_input, fmt::format("--resume needs the directory of the {}", what), {}},
                         "add --out DIR");
    std::error_code code;
    if (resume || out.empty() || !fs::exists(out, code) || fs::is_empty(out, code)) return {};
    return fail_with({Fault::user_input, fmt::format("{} is not empty", out.string()), {}},
                     "give a new --out, or go on with --resume");
}

Terminal::Terminal(std::FILE* stream)
    : stream_(stream), interactive_(understands_cursor(stream)), paint_(interactive_ && colours_wanted()) {}

void Terminal::print(std::string_view text) const {
    std::fwrite(text.data(), 1, text.size(), stream_);
    std::fflush(stream_);
}

std::size_t Terminal::width() const {
    winsize size{};
    if (::ioctl(::fileno(stream_), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
}

std::size_t Terminal::table_width() const {
    winsize size{};
    return ::ioctl(::fileno(stream_), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUnfolded;
}

Status print_result(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
        return fail_errno(Fault::host, "write to stdout");
    return {};
}

std::string aligned(const std::vector<std::vector<std::string>>& rows) {
    if (rows.empty()) return {};
    std::vector<TableColumn> heads;
    for (const auto& heading : rows.front()) heads.push_back({heading});
    return table_text(heads, {rows.begin() + 1, rows.end()}, Terminal(stdout).table_width());
}

}  // namespace memrig
