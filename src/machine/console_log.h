// The guest's console, drained all the time by a thread of its own and kept with host time stamps, as evidence.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/error.h"

namespace memrig {

struct ConsoleLine {
    SteadyTime at;     // when its first byte reached us
    std::string text;  // without the line's end
};

// Thread-safe. Keeps the first 16 MiB and says so where more came; a guest cannot fill the host's memory.
class ConsoleLog {
public:
    explicit ConsoleLog(Descriptor socket);
    ~ConsoleLog();
    ConsoleLog(const ConsoleLog&) = delete;
    ConsoleLog& operator=(const ConsoleLog&) = delete;

    [[nodiscard]] std::vector<ConsoleLine> lines() const;
    [[nodiscard]] std::string text() const;
    // The last lines, for an error message.
    [[nodiscard]] std::string tail(std::size_t lines) const;
    // Waits until the text, from byte `from` on, contains `needle`; false at the deadline or when the console has ended.
    Result<bool> wait_for(const std::string& needle, std::size_t from, Deadline deadline) const;
    [[nodiscard]] std::size_t size() const;

private:
    struct Shared;
    std::shared_ptr<Shared> shared_;
};

}  // namespace memrig
