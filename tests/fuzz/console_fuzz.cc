// Any bytes as a console: the parser must come back, and what it says must be fit to be written to a report.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "console/report.h"

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

void require_printable(std::string_view text) {
    for (const char c : text) require(c >= 0x20 && c <= 0x7e);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes are what the fuzzer has, text is what is
    // parsed
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const memrig::ConsoleReport report = memrig::parse_console(text);
    for (const auto& finding : report.findings) {
        require(finding.first_line <= finding.last_line);
        require_printable(finding.headline);
        require_printable(finding.function);
        require_printable(finding.comm);
        for (const auto& function : finding.stack) require_printable(function);
    }
    for (const auto& task : report.tasks) {
        require_printable(task.comm);
        for (const auto& function : task.stack) require_printable(function);
    }
    for (const auto& lock : report.held_locks) {
        require_printable(lock.comm);
        require_printable(lock.lock_class);
        require_printable(lock.instance);
        require_printable(lock.at);
    }
    return 0;
}
