#include "probe/mutex_watch.h"

#include <algorithm>
#include <array>

namespace memrig {

namespace {

// kernel/locking/mutex.c
constexpr std::uint64_t kFlagWaiters = 1;
constexpr std::uint64_t kFlagPickup = 4;
constexpr std::uint64_t kFlags = 7;
constexpr std::size_t kPathDepth = 6;

// The mutex's own functions are not where a lock is taken.
bool is_mutex_code(const std::string& place) {
    constexpr std::array prefixes = {"mutex_", "__mutex_", "_mutex_", "__ww_mutex_"};
    return std::ranges::any_of(prefixes, [&](const char* prefix) { return place.starts_with(prefix); });
}

}  // namespace

Status MutexWatch::watch(std::uint64_t address, const std::string& name) {
    if (watches(address)) return {};
    MEMRIG_CHECK(conductor_.pause());
    MEMRIG_TRY(const std::uint64_t owner, conductor_.probe().read_u64(0, address));
    Mutex& mutex = mutexes_.emplace(address, Mutex{name, owner}).first->second;
    return conductor_.watch_writes(address, [this, &mutex](const Arrival& arrival) { return at_write(mutex, arrival); });
}

Result<Response> MutexWatch::at_write(Mutex& mutex, const Arrival& arrival) {
    MEMRIG_TRY(const std::uint64_t owner, conductor_.probe().read_u64(arrival.vcpu, arrival.address));
    const std::uint64_t before = std::exchange(mutex.owner, owner);
    const std::uint64_t old_task = before & ~kFlags;
    const std::uint64_t new_task = owner & ~kFlags;
    LockEvent event{arrival.at, arrival.task, arrival.vcpu, LockAction::wants, false, mutex.name, arrival.address, {}, {}};
    const bool let_go = old_task != 0 && new_task != old_task;
    // With the PICKUP flag the lock is handed over, and is its new owner's once that has cleared the flag.
    const bool taken = new_task != 0 && (owner & kFlagPickup) == 0 && (new_task != old_task || (before & kFlagPickup) != 0);
    // A write that changes no owner is a failed attempt on the fast path, or a waiter that says so.
    const bool refused_fast = owner == before;
    const bool waiting = (owner & kFlagWaiters) != 0 && (before & kFlagWaiters) == 0;
    const bool wants = new_task != 0 && new_task == old_task && (refused_fast || waiting) && !taken;
    if (!let_go && !taken && !wants) return Response::pass();
    MEMRIG_TRY(event.path, paths_.read(conductor_.probe(), arrival, kPathDepth));
    std::erase_if(event.path, is_mutex_code);
    event.where = event.path.empty() ? "?" : event.path.front();
    if (let_go) {
        event.action = LockAction::releases;
        listener_(event);
    }
    if (taken || wants) {
        event.action = taken ? LockAction::takes : LockAction::wants;
        listener_(event);
    }
    return Response::pass();
}

}  // namespace memrig
