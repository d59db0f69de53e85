// Keeps the guest's console as evidence. A thread of its own drains the console all the time, and stamps each line with
// the host's time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/error.h"

namespace memrig {

struct ConsoleLine {
    SteadyTime at;     // when its first byte arrived
    std::string text;  // without the line end
};

// Thread-safe. Keeps the first 16 MiB, so that a guest cannot fill the host's memory; a line at the end, and lack(),
// say that more was cut off.
class ConsoleLog {
public:
    explicit ConsoleLog(Descriptor socket);
    ~ConsoleLog();
    ConsoleLog(const ConsoleLog&) = delete;
    ConsoleLog& operator=(const ConsoleLog&) = delete;

    [[nodiscard]] std::vector<ConsoleLine> lines() const;
    [[nodiscard]] std::string text() const;
    // The last `lines` lines, each behind "  | ", for an error message.
    [[nodiscard]] std::string tail(std::size_t lines) const;
    // Waits until the text from byte `from` on contains `needle`. Returns false at the deadline, or when the console
    // has ended. Fault::interrupted if the user asks to stop.
    Result<bool> wait_for(const std::string& needle, std::size_t from, Deadline deadline) const;
    [[nodiscard]] std::size_t size() const;
    // Returns a line about the text that was cut off; empty if nothing was. Such a console does not show that the guest
    // printed nothing.
    [[nodiscard]] std::string lack() const;

private:
    struct Shared;
    std::shared_ptr<Shared> shared_;
};

}  // namespace memrig
