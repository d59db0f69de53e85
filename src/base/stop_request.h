// The one place that a request to stop goes through: Ctrl-C, SIGTERM, or a fatal fault. The first request wins.
#pragma once

#include <atomic>
#include <string>

#include "base/error.h"

namespace memrig {

// Thread-safe. Every wait in memrig polls `descriptor()`, so a request ends them all and the stack unwinds, which
// reaps what was started.
class StopRequest {
public:
    StopRequest();
    StopRequest(const StopRequest&) = delete;
    StopRequest& operator=(const StopRequest&) = delete;

    // Async-signal-safe. `exit_code` is what main() shall return; `signal` is 0 where there was none.
    void request(int exit_code, int signal);
    [[nodiscard]] bool requested() const { return exit_code_.load() != 0; }
    [[nodiscard]] int exit_code() const { return exit_code_.load(); }
    // Readable from the moment a stop is requested, and ever after.
    [[nodiscard]] int descriptor() const { return event_fd_; }
    // Fault::interrupted, with the signal's name.
    [[nodiscard]] Error error() const;

private:
    std::atomic<int> exit_code_{0};
    std::atomic<int> signal_{0};
    int event_fd_;
};

StopRequest& stop_request();

// Routes SIGINT and SIGTERM to stop_request() with exit code 130; a second signal ends the program at once, and
// PR_SET_PDEATHSIG then ends its children. Ignores SIGPIPE. Call once, from main().
void install_signal_handlers();

}  // namespace memrig
