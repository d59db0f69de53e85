#include "play/park.h"

#include <algorithm>

#include "probe/function_watch.h"

namespace memrig {

namespace {

constexpr const char* kSleep = "msleep";
// A worker that belongs to its vCPU wakes up there each time.
constexpr unsigned kMostMoves = 20;

std::uint64_t milliseconds_of(ParkReason reason) {
    switch (reason) {
        case ParkReason::move: return 1;
        case ParkReason::turn: return 2;
        case ParkReason::keep: break;
    }
    return 100;
}

}  // namespace

bool Parking::possible() const { return symbols_.unique(kSleep).has_value(); }

Status Parking::check() const {
    return possible() ? Status() : fail(Fault::guest, "this kernel has no symbol {}", kSleep);
}

Result<Response> Parking::park(ParkReason reason) {
    if (!sleep_) {
        MEMRIG_TRY(const auto entries, entries_of(conductor_.probe(), symbols_, kSleep));
        sleep_ = entries.front();
    }
    return Response::call(*sleep_, milliseconds_of(reason));
}

Keep Parking::way_to_keep(bool wants_park, bool may_be_held, unsigned moves) const {
    if (wants_park) return Keep::park;
    if (may_be_held) return Keep::hold;
    if (!possible()) return Keep::pass;
    return moves < kMostMoves ? Keep::move : Keep::park;
}

bool sleeps_by_the_clock(const BlockedTask& task) {
    return std::ranges::any_of(task.stack,
                               [](const std::string& frame) { return frame.starts_with(std::string(kSleep) + "+"); });
}

}  // namespace memrig
