// Passes a request to stop (Ctrl-C, SIGTERM or a fatal fault) on to every wait. The first request wins.
#pragma once

#include <atomic>
#include <string>

#include "base/error.h"

namespace memrig {

// Thread-safe. Every wait in memrig polls `descriptor()`, so a request ends all of them. The stack then unwinds, which
// reaps all children.
class StopRequest {
public:
    StopRequest();
    StopRequest(const StopRequest&) = delete;
    StopRequest& operator=(const StopRequest&) = delete;

    // Async-signal-safe. `exit_code`: what main() is to return, not 0. `signal`: 0 if there was none.
    void request(int exit_code, int signal);
    [[nodiscard]] bool requested() const { return exit_code_.load() != 0; }
    [[nodiscard]] int exit_code() const { return exit_code_.load(); }
    // Readable from the first request on, for ever.
    [[nodiscard]] int descriptor() const { return event_fd_; }
    // Fault::interrupted, with the signal's name.
    [[nodiscard]] Error error() const;

private:
    std::atomic<int> exit_code_{0};
    std::atomic<int> signal_{0};
    int event_fd_;
};

StopRequest& stop_request();

// Routes SIGINT and SIGTERM to stop_request() with kExitInterrupted; a second signal ends the program at once, and
// PR_SET_PDEATHSIG then ends its children. Ignores SIGPIPE. Call once, from main().
void install_signal_handlers();

}  // namespace memrig
