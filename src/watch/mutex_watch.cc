#include "watch/mutex_watch.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "base/assert.h"
#include "probe/architecture.h"
#include "probe/packet.h"

namespace memrig {

namespace {

// kernel/locking/mutex.c
constexpr std::uint64_t kFlagWaiters = 1;
constexpr std::uint64_t kFlagPickup = 4;
constexpr std::uint64_t kFlags = 7;
// The part of a `struct mutex` that is searched for its waiters, in bytes. With lockdep, a map of more than 64 bytes
// stands before them.
constexpr std::uint64_t kMutexBytes = 192;
constexpr std::size_t kMostWaiters = 64;
// The part of a task_struct that is searched for `stack`, in bytes. POWER has 256 bytes of thread_info before it.
constexpr std::uint64_t kTaskHead = 512;

// Recognises the functions of the mutex code by their plain names (kernel/locking/mutex.c). A lock event names their
// caller instead.
bool is_mutex_code(std::string_view function) {
    constexpr std::array prefixes = {"mutex_",      "__mutex_",  "_mutex_",    "ww_mutex_",
                                     "__ww_mutex_", "rt_mutex_", "__rt_mutex_"};
    return std::ranges::any_of(prefixes, [&](const char* prefix) { return function.starts_with(prefix); });
}

}  // namespace

Status MutexWatch::watch(std::uint64_t address, const std::string& name) {
    MEMRIG_ASSERT(!name.empty(), "a watched mutex has a name");
    const std::uint64_t owner_at = address + owner_offset_;
    if (const auto known = mutexes_.find(owner_at); known != mutexes_.end()) {
        known->second.name = name;
        return {};
    }
    MEMRIG_CHECK(conductor_.watch_writes(owner_at));
    MEMRIG_TRY(const std::uint64_t owner, conductor_.probe().read_u64(0, owner_at));
    mutexes_.emplace(owner_at, Mutex{name, owner});
    return {};
}

Status MutexWatch::look(const Arrival& stop) {
    if (mutexes_.empty()) return {};
    std::vector<std::uint64_t> addresses;
    for (const auto& [address, mutex] : mutexes_) addresses.push_back(address);
    MEMRIG_TRY(const auto owners, conductor_.probe().read_words(stop.vcpu, addresses));
    MEMRIG_ASSERT(owners.size() == addresses.size(), "the probe reads a word at each address");
    auto owner = owners.begin();
    for (auto& [address, mutex] : mutexes_) {
        std::uint64_t now = *owner++;
        if (now != mutex.owner) {
            // All vCPUs stand still, so a second look shows the same.
            MEMRIG_TRY(const std::uint64_t again, conductor_.probe().read_u64(stop.vcpu, address));
            misreadings_ += again != now;
            now = again;
        }
        MEMRIG_CHECK(changed(address, mutex, now, stop));
        if (owner_offset_ == 0 && (mutex.owner & kFlagWaiters) != 0) MEMRIG_CHECK(find_waiters(address, mutex, stop));
    }
    return {};
}

Result<bool> MutexWatch::is_waiter(std::uint64_t waiter, std::uint64_t task_struct, unsigned vcpu) {
    if (list_offset_) return true;  // it has been checked with the first waiter
    if (!is_kernel_address(task_struct)) return false;
    const auto bytes = conductor_.probe().read_memory(vcpu, task_struct, kTaskHead);
    if (!bytes && bytes.error().fault != Fault::guest) return std::unexpected(bytes.error());
    for (std::size_t at = 0; bytes && at + 8 <= bytes->size(); at += 8)
        if (little_endian(std::string_view(*bytes).substr(at, 8)) == stack_of(waiter)) return true;
    return false;
}

std::uint64_t MutexWatch::stack_of(std::uint64_t address) const { return address & ~(conductor_.stack_bytes() - 1); }

Result<std::vector<std::uint64_t>> MutexWatch::waiters_from(std::uint64_t first, std::uint64_t link, unsigned vcpu) {
    std::vector<std::uint64_t> waiters;
    bool ring = false;  // the waiters link each other alone, and `link` points at the first one
    for (std::uint64_t at = first;;) {
        crowded_ = crowded_ || waiters.size() == kMostWaiters;
        if (waiters.size() == kMostWaiters) break;
        const auto words = conductor_.probe().read_words(vcpu, {at, at + 8, at + 16});
        if (!words && words.error().fault != Fault::guest) return std::unexpected(words.error());
        if (!words) break;
        MEMRIG_ASSERT(words->size() == 3, "the probe reads a word at each address");
        const auto [next, previous, task_struct] = std::tuple((*words)[0], (*words)[1], (*words)[2]);
        if (at == first) ring = previous != link;
        const bool follows = waiters.empty() ? is_kernel_address(previous) : previous == waiters.back();
        MEMRIG_TRY(const bool is_one, is_waiter(at, task_struct, vcpu));
        if (!is_one || (ring && !follows)) break;
        waiters.push_back(at);
        if (ring && next == first) {
            MEMRIG_TRY(const auto back, conductor_.probe().read_u64(vcpu, first + 8));
            return back == at ? waiters : std::vector<std::uint64_t>();
        }
        if (next == link || !is_kernel_address(next)) break;
        at = next;
    }
    return ring ? std::vector<std::uint64_t>() : waiters;
}

Result<std::vector<std::uint64_t>> MutexWatch::waiters_of(std::uint64_t address, unsigned vcpu) {
    const std::uint64_t from = list_offset_.value_or(16);
    const auto bytes =
        conductor_.probe().read_memory(vcpu, address + from, list_offset_ ? std::size_t{8} : kMutexBytes - from);
    if (!bytes && bytes.error().fault != Fault::guest) return std::unexpected(bytes.error());
    if (!bytes) return std::vector<std::uint64_t>();
    for (std::uint64_t at = 0; at + 8 <= bytes->size(); at += 8) {
        const std::uint64_t first = little_endian(std::string_view(*bytes).substr(at, 8));
        // An empty list, lockdep's map and the debugging code point into the mutex itself.
        if (!is_kernel_address(first) || (first >= address && first < address + kMutexBytes)) continue;
        MEMRIG_TRY(auto waiters, waiters_from(first, address + from + at, vcpu));
        if (waiters.empty()) continue;
        list_offset_ = from + at;
        return waiters;
    }
    return std::vector<std::uint64_t>();
}

Status MutexWatch::find_waiters(std::uint64_t address, const Mutex& mutex, const Arrival& stop) {
    MEMRIG_TRY(const auto waiters, waiters_of(address, stop.vcpu));
    if (waiters.empty()) unfound_ = mutex.name;
    // A task that gets the mutex takes itself off the list only afterwards: the owner may still be on it.
    const bool owned = (mutex.owner & ~kFlags) != 0 && (mutex.owner & kFlagPickup) == 0;
    std::uint64_t owner = 0;
    if (owned) {
        MEMRIG_TRY(owner, tasks_.task_of(mutex.owner & ~kFlags, stop.vcpu));
    }
    for (const std::uint64_t waiter : waiters) {
        const std::uint64_t task = stack_of(waiter);
        if (task != owner && !is_known_(task, address))
            MEMRIG_CHECK(tell({LockAction::wants, task, waiter}, address, mutex, stop));
    }
    return {};
}

std::string MutexWatch::gap() const {
    // Where the list was found once, it was only being changed at the other looks.
    if (unfound_.empty() || list_offset_) return {};
    return fmt::format("the tasks that wait for a mutex: their list was not found in \"{}\"", unfound_);
}

std::string MutexWatch::lack() const {
    return crowded_ ? fmt::format("only the first {} tasks that wait for a mutex are looked at", kMostWaiters) : "";
}

Status MutexWatch::changed(std::uint64_t address, Mutex& mutex, std::uint64_t owner, const Arrival& stop) {
    const std::uint64_t before = std::exchange(mutex.owner, owner);
    const bool here = stop.address == address;  // this vCPU stopped for this very write
    const std::uint64_t old_task = before & ~kFlags;
    const std::uint64_t new_task = owner & ~kFlags;
    // A task that stops for another reason is not in the mutex code: its stack does not tell where that was.
    const auto inside = [&](std::uint64_t task) { return here && task == stop.task ? stop.registers.sp() : 0; };
    // With the PICKUP flag, the lock is being handed over. The new owner has it once it has cleared the flag.
    const bool owned_before = old_task != 0 && (before & kFlagPickup) == 0;
    const bool owned_now = new_task != 0 && (owner & kFlagPickup) == 0;
    const bool same_owner = new_task == old_task;
    std::uint64_t releaser = 0;
    if (owned_before && !(owned_now && same_owner)) {
        MEMRIG_TRY(releaser, tasks_.task_of(old_task, stop.vcpu));
        MEMRIG_CHECK(tell({LockAction::releases, releaser, inside(releaser)}, address, mutex, stop));
    }
    if (owned_now && !(owned_before && same_owner)) {
        MEMRIG_TRY(std::uint64_t task, tasks_.taker_of(new_task, stop.vcpu));
        if (here && task == new_task) {  // its stack could not be read
            task = stop.task;
            tasks_.note(new_task, task);
        }
        MEMRIG_CHECK(tell({LockAction::takes, task, inside(task)}, address, mutex, stop));
        // Another task is the owner: the task that stopped for its write was too late, unless it was the releaser.
        const bool late = here && task != stop.task && stop.task != releaser;
        return late ? tell({LockAction::wants, stop.task, inside(stop.task)}, address, mutex, stop) : Status();
    }
    // A write that does not change the owner is a failed attempt on the fast path, or a waiter that sets its flag.
    const bool waits = owner == before || ((owner & kFlagWaiters) != 0 && (before & kFlagWaiters) == 0);
    if (!here || !owned_now || !waits) return {};
    MEMRIG_TRY(const std::uint64_t task, tasks_.task_of(new_task, stop.vcpu));
    if (task == stop.task) return {};
    return tell({LockAction::wants, stop.task, inside(stop.task)}, address, mutex, stop);
}

Status MutexWatch::tell(const Told& told, std::uint64_t address, const Mutex& mutex, const Arrival& stop) {
    const std::uint64_t start = address - owner_offset_;
    LockEvent event{stop.at, told.task, stop.vcpu, told.action, false, mutex.name, start, "?", {}};
    if (told.inside != 0) {
        MEMRIG_TRY(event.path,
                   paths_.read_caller(conductor_.probe(), stop.vcpu, told.inside, is_mutex_code, kPathDepth));
        if (!event.path.empty()) event.where = event.path.front();
    }
    listener_(std::move(event));
    return {};
}

}  // namespace memrig
