#include "watch/lock_ledger.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/assert.h"
#include "base/log.h"
#include "base/text.h"
#include "probe/function_watch.h"
#include "probe/kernel_objects.h"

namespace memrig {

namespace {

// A mutex that lies at most this many bytes behind the start of a `struct device` is that device's own. A device
// holds no other mutex that the driver core takes, and the next device in the slab is nearer to its own lock.
constexpr std::uint64_t kDeviceSpan = 1024;
constexpr std::size_t kMostEvents = 100'000;

// Includes the functions that lockdep kernels have instead of mutex_lock (include/linux/mutex.h).
constexpr std::array kMutexLocks = {
    "mutex_lock",          "mutex_lock_nested",         "mutex_lock_interruptible", "mutex_lock_interruptible_nested",
    "mutex_lock_killable", "mutex_lock_killable_nested"};

// A memory block's device passes bus_probe_device() when it is added, and later device_online() or device_offline().
constexpr std::array kDeviceFunctions = {"bus_probe_device", "device_online", "device_offline"};
// QEMU is asked for the place of each device's lock, which takes a moment.
constexpr std::size_t kMostKnownDevices = 64;

std::string device_lock_name(std::uint64_t block) { return fmt::format("memory{}'s device lock", block); }

}  // namespace

enum class LockLedger::Effect {
    acquires,           // returns once it has the lock
    tries,              // returns 1 with the lock, 0 without
    acquires_or_fails,  // returns 0 with the lock, an error without
    releases
};

// A kernel function that takes or releases a lock: its first argument, or one fixed lock.
struct LockLedger::Primitive {
    const char* function;
    Effect effect;
    bool shared;
    const char* fixed;  // the lock, where it is not an argument
    bool optional;      // not every kernel has it
    bool mutex_change;  // its effect shows in the mutex itself
    bool mutex = false;
};

LockLedger::LockLedger(Conductor& conductor, const SymbolTable& symbols, MutexWatching watching,
                       std::uint64_t owner_offset)
    : conductor_(conductor),
      symbols_(symbols),
      watching_(watching),
      owner_offset_(owner_offset),
      paths_(symbols),
      mutexes_(
          conductor, paths_, [this](LockEvent event) { write(std::move(event)); },
          [this](std::uint64_t task, std::uint64_t mutex) {
              const auto wish = wanted_.find(task);
              return wish != wanted_.end() && wish->second.instance == mutex;
          },
          owner_offset),
      names_(symbols) {}

Result<std::unique_ptr<LockLedger>> LockLedger::make(Conductor& conductor, const SymbolTable& symbols,
                                                     MutexWatching watching, LedgerExtent extent,
                                                     std::uint64_t owner_offset) {
    // Lockdep kernels have mutex_lock_nested and its kin instead of mutex_lock (include/linux/mutex.h).
    static constexpr Primitive primitives[] = {
        {"mutex_lock", Effect::acquires, false, nullptr, true, true, true},
        {"mutex_lock_nested", Effect::acquires, false, nullptr, true, true, true},
        {"mutex_lock_interruptible", Effect::acquires_or_fails, false, nullptr, true, true, true},
        {"mutex_lock_interruptible_nested", Effect::acquires_or_fails, false, nullptr, true, true, true},
        {"mutex_lock_killable", Effect::acquires_or_fails, false, nullptr, true, true, true},
        {"mutex_lock_killable_nested", Effect::acquires_or_fails, false, nullptr, true, true, true},
        {"mutex_unlock", Effect::releases, false, nullptr, true, true, true},
        {"mutex_trylock", Effect::tries, false, nullptr, true, false, true},
        {"_mutex_trylock_nest_lock", Effect::tries, false, nullptr, true, false, true},
        {"percpu_down_write", Effect::acquires, false, nullptr, true, false},
        {"percpu_up_write", Effect::releases, false, nullptr, true, false},
        {"cpus_read_lock", Effect::acquires, true, locks::cpu_hotplug, true, false},
        {"cpus_read_unlock", Effect::releases, true, locks::cpu_hotplug, true, false},
        {"get_online_mems", Effect::acquires, true, locks::mem_hotplug, true, false},
        {"put_online_mems", Effect::releases, true, locks::mem_hotplug, true, false},
    };
    MEMRIG_ASSERT(extent == LedgerExtent::attempts || watching == MutexWatching::calls ||
                      conductor.probe().architecture().watched_writes_pass,
                  "writes are watched only on architectures where a watched write takes effect");
    std::unique_ptr<LockLedger> ledger(new LockLedger(conductor, symbols, watching, owner_offset));
    ledger->note_unknown_locks();
    if (extent == LedgerExtent::attempts) {
        for (const auto& primitive : primitives)
            if (primitive.effect == Effect::tries) MEMRIG_CHECK(ledger->watch_primitive(primitive));
        return ledger;
    }
    for (const auto& primitive : primitives)
        if (watching == MutexWatching::calls || !primitive.mutex_change)
            MEMRIG_CHECK(ledger->watch_primitive(primitive));
    if (watching == MutexWatching::writes) {
        LockLedger* self = ledger.get();
        ledger->stops_ = conductor.on_stop([self](const Arrival& stop) { return self->mutexes_.look(stop); });
        for (const auto& [address, name] : ledger->names_.known())
            if (is_mutex(name)) MEMRIG_CHECK(ledger->mutexes_.watch(address, name));
    }
    MEMRIG_CHECK(ledger->watch_takers());
    MEMRIG_CHECK(ledger->watch_devices());
    return ledger;
}

Result<std::unique_ptr<LockLedger>> LockLedger::make(Conductor& conductor, const SymbolTable& symbols,
                                                     LockObserver& observer, const KnownDevices& known) {
    std::unique_ptr<LockLedger> ledger(new LockLedger(conductor, symbols, MutexWatching::observed, 0));
    ledger->device_lock_offset_ = known.lock_offset;
    ledger->observer_ = &observer;
    ledger->note_unknown_locks();
    LockLedger* const self = ledger.get();
    ledger->observed_ = observer.on_event([self](const LockEvent& event) { self->write(event); });
    observer.stop_where_tasks_wait();
    if (known.lock_offset && known.devices.size() <= kMostKnownDevices)
        for (const auto& [device, block] : known.devices) MEMRIG_CHECK(ledger->found_device(device, block));
    MEMRIG_CHECK(ledger->watch_devices());
    return ledger;
}

void LockLedger::note_unknown_locks() {
    for (const char* lock : {locks::device_hotplug, locks::mem_hotplug, locks::cpu_hotplug, locks::acpi_scan})
        if (!watches(lock)) gaps_.push_back(fmt::format("{} has no symbol", lock));
}

Status LockLedger::watch_takers() {
    for (const auto& [function, lock] : names_.takers()) {
        const auto at_taker = [this, lock](const Arrival& arrival) -> Result<Response> {
            if (names_.address_of(lock)) return Response::pass();
            about_to_take_[arrival.task] = lock;
            if (is_mutex(lock)) MEMRIG_CHECK(watch_for_mutex());
            return Response::pass();
        };
        MEMRIG_CHECK(watch_function(conductor_, symbols_, function, at_taker));
    }
    return {};
}

Status LockLedger::watch_for_mutex() {
    if (!taking_.empty()) return {};
    for (const char* mutex_lock : kMutexLocks) {
        if (symbols_.all(mutex_lock).empty()) continue;
        MEMRIG_TRY(const auto addresses, entries_of(conductor_.probe(), symbols_, mutex_lock));
        for (const auto address : addresses) {
            MEMRIG_TRY(const auto id, conductor_.watch(address, [this](const Arrival& call) -> Result<Response> {
                MEMRIG_CHECK(learn(call, true, false));
                return Response::pass();
            }));
            taking_.push_back(id);
        }
    }
    return {};
}

Status LockLedger::learn(const Arrival& arrival, bool mutex, bool by_caller) {
    std::optional<std::string> lock;
    if (const auto waited = about_to_take_.find(arrival.task); waited != about_to_take_.end()) lock = waited->second;
    if (!lock && by_caller) {
        MEMRIG_TRY(const std::uint64_t back, conductor_.return_address(arrival));
        lock = names_.taken_by(symbols_.function(back));
    }
    if (!lock || is_mutex(*lock) != mutex) return {};
    about_to_take_.erase(arrival.task);
    const bool wanted = std::ranges::any_of(about_to_take_, [](const auto& other) { return is_mutex(other.second); });
    if (mutex && !wanted)
        for (const auto id : std::exchange(taking_, {})) MEMRIG_CHECK(conductor_.unwatch(id));
    const std::uint64_t address = arrival.registers.argument(0);
    if (!names_.learn(address, *lock) || !mutex || watching_ != MutexWatching::writes) return {};
    return watch_mutex(address, *lock);
}

Status LockLedger::watch_mutex(std::uint64_t address, const std::string& name) {
    if (observer_ != nullptr) return observer_->watch_mutex(address, name);
    MEMRIG_CHECK(mutexes_.watch(address, name));
    Status told;
    mutex_listeners_.for_each([&](const auto& listener) { return (told = listener(address, name)).has_value(); });
    return told;
}

Status LockLedger::watch_primitive(const Primitive& primitive) {
    if (symbols_.all(primitive.function).empty() && primitive.optional) return {};
    return watch_function(conductor_, symbols_, primitive.function,
                          [this, &primitive](const Arrival& arrival) { return at_primitive(primitive, arrival); });
}

std::map<std::string, ObservedCall> LockLedger::calls() {
    std::map<std::string, ObservedCall> calls;
    for (const char* function : kDeviceFunctions) calls[function] = {.whole = true};
    return calls;
}

// With an observer, a stop is needed, too: it has to watch the device's lock before a task takes it. A new device can
// come online before it comes to bus_probe_device(): device_add() makes its attributes first.
Status LockLedger::watch_devices() {
    for (const char* function : kDeviceFunctions) {
        const bool is_new = function == kDeviceFunctions.front();
        const auto at_device = [this, is_new](const Arrival& arrival) -> Result<Response> {
            const std::uint64_t device = arrival.registers.argument(0);
            if (observer_ != nullptr) MEMRIG_CHECK(observer_->expect_call(arrival));
            // A new device may lie where another one was.
            if (!is_new && devices_.contains(device)) return Response::pass();
            MEMRIG_TRY(const auto block, memory_block_of(conductor_.probe(), arrival.vcpu, device));
            if (block) MEMRIG_CHECK(found_device(device, *block));
            else devices_.erase(device);
            return Response::pass();
        };
        MEMRIG_CHECK(watch_function(conductor_, symbols_, function, at_device));
    }
    return {};
}

Status LockLedger::found_device(std::uint64_t device, std::uint64_t block) {
    devices_[device] = block;
    if (watching_ == MutexWatching::calls) return {};
    return device_lock_offset_ ? watch_device_lock(device, block) : learn_device_lock();
}

Status LockLedger::watch_device_lock(std::uint64_t device, std::uint64_t block) {
    MEMRIG_ASSERT(device_lock_offset_, "the offset of the mutex in a device is known");
    return watch_mutex(device + *device_lock_offset_, device_lock_name(block));
}

Status LockLedger::learn_device_lock() {
    if (!learning_.empty()) return {};
    for (const char* function : kMutexLocks) {
        if (symbols_.all(function).empty()) continue;
        MEMRIG_TRY(const auto entries, entries_of(conductor_.probe(), symbols_, function));
        for (const auto entry : entries) {
            MEMRIG_TRY(const auto id, conductor_.watch(entry, [this](const Arrival& arrival) {
                return at_first_device_lock(arrival);
            }));
            learning_.push_back(id);
        }
    }
    return {};
}

Result<Response> LockLedger::at_first_device_lock(const Arrival& arrival) {
    const std::uint64_t mutex = arrival.registers.argument(0);
    const auto above = devices_.upper_bound(mutex);
    if (above == devices_.begin() || mutex - std::prev(above)->first > kDeviceSpan) return Response::pass();
    device_lock_offset_ = mutex - std::prev(above)->first;
    for (const auto id : std::exchange(learning_, {})) MEMRIG_CHECK(conductor_.unwatch(id));
    for (const auto& [device, block] : devices_) MEMRIG_CHECK(watch_device_lock(device, block));
    return Response::pass();
}

std::optional<std::uint64_t> LockLedger::block_of_device(std::uint64_t device) const {
    const auto found = devices_.find(device);
    return found == devices_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::string> LockLedger::lock_at(std::uint64_t address) const {
    if (const auto named = names_.name_of(address)) return named;
    auto above = devices_.upper_bound(address);
    if (above == devices_.begin()) return std::nullopt;
    const auto& [device, block] = *std::prev(above);
    if (address - device > kDeviceSpan) return std::nullopt;
    return device_lock_name(block);
}

Result<Response> LockLedger::at_primitive(const Primitive& primitive, const Arrival& arrival) {
    std::optional<std::string> lock;
    std::uint64_t instance = 0;
    MEMRIG_TRY(const std::uint64_t back, conductor_.return_address(arrival));
    if (primitive.fixed != nullptr) {
        lock = primitive.fixed;
        instance = names_.address_of(primitive.fixed).value_or(0);
    } else {
        instance = arrival.registers.argument(0);
        if (primitive.effect != Effect::releases)
            MEMRIG_CHECK(learn(arrival, primitive.mutex, primitive.effect == Effect::tries || !primitive.mutex));
        lock = lock_at(instance);
    }
    if (!lock) return Response::pass();
    LockEvent event{arrival.at,
                    arrival.task,
                    arrival.vcpu,
                    LockAction::wants,
                    primitive.shared,
                    *lock,
                    instance,
                    symbols_.describe(back),
                    {}};
    if (primitive.effect == Effect::releases) {
        event.action = LockAction::releases;
        write(std::move(event));
        return Response::pass();
    }
    MEMRIG_TRY(event.path, paths_.read(conductor_.probe(), arrival, kPathDepth));
    // Where a register holds the return address, the stack begins with another one.
    if (event.path.empty() || event.path.front() != event.where) event.path.insert(event.path.begin(), event.where);
    event.path.resize(std::min(event.path.size(), kPathDepth));
    if (primitive.effect != Effect::tries) write(event);
    MEMRIG_CHECK(conductor_.on_return(arrival, [this, &primitive, event](const Arrival& returned, std::uint64_t value) {
        return finish(primitive, event, returned, value);
    }));
    return Response::pass();
}

Status LockLedger::finish(const Primitive& primitive, const LockEvent& wanted, const Arrival& arrival,
                          std::uint64_t value) {
    MEMRIG_ASSERT(primitive.effect != Effect::releases, "only a call that takes a lock is watched until it returns");
    LockEvent event = wanted;
    event.at = arrival.at;
    event.vcpu = arrival.vcpu;
    const bool zero = (value & 0xffffffff) == 0;
    const bool got = primitive.effect == Effect::acquires || zero == (primitive.effect == Effect::acquires_or_fails);
    event.action = got ? LockAction::takes : LockAction::refused;
    // A successful trylock also shows in the mutex itself, and is recorded there.
    if (primitive.effect == Effect::tries && got && watching_ == MutexWatching::writes) return {};
    write(std::move(event));
    return {};
}

// A lock that was held before the ledger began, or by an elided call, is in nobody's list: a release alone tells
// nothing.
void LockLedger::check_against_held(const LockEvent& event) {
    constexpr std::size_t most = 16;
    if (event.action != LockAction::takes || contradictions_.size() >= most) return;
    for (const auto& [task, held] : held_)
        for (const auto& other : held)
            if (other.lock == event.lock && other.instance == event.instance && !(other.shared && event.shared))
                contradictions_.push_back(fmt::format("task {:x} takes {} in {}, which task {:x} has not released",
                                                      event.task, event.lock, event.where, task));
}

void LockLedger::write(LockEvent event) {
    MEMRIG_ASSERT(!event.lock.empty(), "a lock event names its lock");
    if (auto& log = logger(LogLayer::watch); log.should_log(spdlog::level::debug))
        log.debug("task {:x} on vCPU {} {} {}{} ({})", event.task, event.vcpu, to_string(event.action), event.lock,
                  event.shared ? " for reading" : "", one_line(event.where));
    check_against_held(event);
    switch (event.action) {
        case LockAction::wants: wanted_[event.task] = event; break;
        case LockAction::takes:
            wanted_.erase(event.task);
            held_[event.task].push_back(event);
            break;
        case LockAction::refused: wanted_.erase(event.task); break;
        case LockAction::releases: {
            auto& held = held_[event.task];
            const auto same = [&](const LockEvent& other) { return other.lock == event.lock; };
            const auto last = std::ranges::find_if(held.rbegin(), held.rend(), same);
            if (last != held.rend()) held.erase(std::next(last).base());
            break;
        }
    }
    if (events_.size() < kMostEvents) events_.push_back(event);
    else dropped_++;
    listeners_.for_each([&](const auto& listener) {
        listener(event);
        return true;
    });
}

std::vector<std::string> LockLedger::contradictions() const {
    auto all = contradictions_;
    if (mutexes_.misreadings() > 0)
        all.push_back(fmt::format("{} times two readings of a mutex's owner differed", mutexes_.misreadings()));
    return all;
}

std::optional<std::uint64_t> LockLedger::owner_word_of(const std::string& mutex) const {
    if (watching_ == MutexWatching::calls || !is_mutex(mutex)) return std::nullopt;
    const auto address = names_.address_of(mutex);
    return address ? std::optional(*address + owner_offset_) : std::nullopt;
}

std::vector<std::string> LockLedger::lacks() const {
    std::vector<std::string> lines;
    if (dropped_ > 0)
        lines.push_back(fmt::format("the ledger keeps {} lock events, and {} more came", kMostEvents, dropped_));
    if (std::string lack = mutexes_.lack(); !lack.empty()) lines.push_back(std::move(lack));
    return lines;
}

std::vector<LockEvent> LockLedger::held_by(std::uint64_t task) const {
    const auto found = held_.find(task);
    return found == held_.end() ? std::vector<LockEvent>() : found->second;
}

std::optional<LockEvent> LockLedger::wanted_by(std::uint64_t task) const {
    const auto found = wanted_.find(task);
    return found == wanted_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace memrig
