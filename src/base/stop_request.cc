#include "base/stop_request.h"

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/exit_status.h"

namespace memrig {

namespace {
void on_signal(int signal) {
    if (stop_request().requested()) ::_exit(kExitInterrupted);
    stop_request().request(kExitInterrupted, signal);
}
}  // namespace

StopRequest::StopRequest() : event_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (event_fd_ < 0) std::abort();
}

void StopRequest::request(int exit_code, int signal) {
    int none = 0;
    if (!exit_code_.compare_exchange_strong(none, exit_code)) return;
    signal_.store(signal);
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(event_fd_, &one, sizeof one);
}

Error StopRequest::error() const {
    const int signal = signal_.load();
    return Error{
        Fault::interrupted, signal == 0 ? "stopped" : fmt::format("interrupted by SIG{}", ::sigabbrev_np(signal)), {}};
}

StopRequest& stop_request() {
    static StopRequest request;
    return request;
}

void install_signal_handlers() {
    stop_request();  // constructed before a handler can need it
    struct sigaction action{};
    action.sa_handler = on_signal;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace memrig
