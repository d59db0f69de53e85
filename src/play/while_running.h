// Calls to the guest that need it to run, while the probe may stop it at any moment.
#pragma once

#include <atomic>
#include <optional>
#include <thread>

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "probe/conductor.h"

namespace memrig {

// Makes a call that needs the guest to run (to the agent, on a thread of its own) and serves the probe meanwhile.
template <class Call>
auto while_running(Conductor& conductor, Call call) -> decltype(call()) {
    using Answer = decltype(call());
    std::optional<Answer> answer;
    std::atomic<bool> done = false;
    const Descriptor wake(::eventfd(0, EFD_CLOEXEC));
    std::thread caller([&] {
        answer = call();
        done = true;
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t n = ::write(wake.get(), &one, sizeof one);
    });
    const auto served =
        conductor.run_until([&] { return done.load(); }, Deadline::after(std::chrono::hours(24)), wake.get());
    // Where serving failed, the guest stands still, so that nobody would answer the call. If QEMU is gone or the user
    // asks to stop, the call ends anyway.
    if (!served) (void)conductor.let_go();
    caller.join();
    if (!served) return std::unexpected(served.error());
    return *std::move(answer);
}

}  // namespace memrig
