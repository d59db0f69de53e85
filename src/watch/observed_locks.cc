#include "watch/observed_locks.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/assert.h"

namespace memrig {

namespace {

// The low bits of a mutex's owner word (kernel/locking/mutex.c). With PICKUP, the mutex is handed over, and its new
// owner does not have it yet.
constexpr std::uint64_t kWordFlags = 7;
constexpr std::uint64_t kWordPickup = 4;
constexpr std::size_t kMostContradictions = 16;
constexpr std::size_t kMostNested = 64;

bool is_access(const ObserverEvent& event) {
    return event.kind == OBSERVER_EVENT_LOAD || event.kind == OBSERVER_EVENT_STORE;
}

}  // namespace

std::uint64_t owner_in_word(std::uint64_t word) { return (word & kWordPickup) != 0 ? 0 : word & ~kWordFlags; }

std::uint32_t ObservedLocks::add_mutex(std::uint32_t span, std::uint64_t owner) {
    MEMRIG_ASSERT(!by_span_.contains(span), "a span is of one lock");
    const auto number = static_cast<std::uint32_t>(locks_.size());
    locks_.push_back({true, {}, owner_in_word(owner)});
    by_span_.emplace(span, number);
    return number;
}

std::uint32_t ObservedLocks::add_rwsem(const std::string& name, std::optional<std::uint32_t> span) {
    MEMRIG_ASSERT(!span || !by_span_.contains(*span), "a span is of one lock");
    const auto number = static_cast<std::uint32_t>(locks_.size());
    locks_.push_back({false, name});
    if (span) by_span_.emplace(*span, number);
    return number;
}

std::vector<ObservedAct> ObservedLocks::follow(const std::vector<ObserverEvent>& events, bool guest_is_stopped) {
    queue_.insert(queue_.end(), events.begin(), events.end());
    while (!queue_.empty()) {
        const ObserverEvent event = queue_.front();
        queue_.pop_front();
        if (follow_one(event, guest_is_stopped) != Followed::too_early) continue;
        queue_.push_front(event);
        break;
    }
    return std::exchange(acts_, {});
}

const ObservedFunction& ObservedLocks::function_of(const ObserverEvent& event) const {
    MEMRIG_ASSERT(event.function < functions_.size(), "the channel checks the function of an event");
    return functions_[event.function];
}

ObservedLocks::Followed ObservedLocks::follow_one(const ObserverEvent& event, bool guest_is_stopped) {
    if (event.task == 0) {
        contradict(fmt::format("event {}: the task that runs on vCPU {} is not known", event.sequence, event.vcpu));
        return Followed::done;
    }
    const ObservedFunction& function = function_of(event);
    if (function.told && (event.kind == OBSERVER_EVENT_ENTRY || event.kind == OBSERVER_EVENT_ANSWER)) passed(event);
    if (function.role == ObservedRole::none || event.kind == OBSERVER_EVENT_ANSWER) return Followed::done;
    if (event.kind == OBSERVER_EVENT_LEAVE) return left(event, guest_is_stopped);
    if (event.kind == OBSERVER_EVENT_ENTRY) {
        // The mutex's owner tells what such a call comes to.
        const bool by_owner =
            function.role == ObservedRole::locks_mutex || function.role == ObservedRole::unlocks_mutex;
        if (!by_owner) entered(event);
        return Followed::done;
    }
    const auto lock = by_span_.find(event.span);
    if (lock == by_span_.end()) return Followed::done;
    if (locks_[lock->second].mutex) return touched_mutex(event, lock->second, guest_is_stopped);
    touched_rwsem(event, lock->second);
    return Followed::done;
}

std::optional<std::uint32_t> ObservedLocks::fixed_lock(const ObservedFunction& function) const {
    if (function.fixed.empty()) return std::nullopt;
    const auto found = std::ranges::find(locks_, function.fixed, &Lock::name);
    return found == locks_.end() ? std::nullopt : std::optional(static_cast<std::uint32_t>(found - locks_.begin()));
}

void ObservedLocks::passed(const ObserverEvent& event) {
    // The rules use the arguments of a whole call, and QEMU is not trusted to tell them.
    if (event.kind == OBSERVER_EVENT_ENTRY && function_of(event).whole && event.arguments < OBSERVER_ARGUMENTS)
        return contradict(
            fmt::format("event {}: a call of {} has no arguments", event.sequence, function_of(event).name));
    if (event.kind == OBSERVER_EVENT_ENTRY && function_of(event).call != LockCall::none) return_from_locks(event);
    ObservedAct act{.sequence = event.sequence, .task = event.task, .stack = event.stack, .vcpu = event.vcpu};
    act.passed = event.function;
    act.left = event.kind == OBSERVER_EVENT_ANSWER;
    if (act.left) {
        const auto entry = returned(event);
        if (!entry) return;
        if (function_of(event).call != LockCall::none) {
            act.from = entry->called_from;
            act.arguments.assign(entry->argument, entry->argument + entry->arguments);
        }
    } else {
        act.arguments.assign(event.argument, event.argument + event.arguments);
    }
    if (!act.left && event.called == event.function) act.from = event.called_from;
    act.answer = event.value;
    act.words.assign(event.word, event.word + event.words);
    if (!act.left && event.arguments > 0) {
        auto& passing = passing_[event.task];
        if (passing.size() == kMostNested) {
            contradict(fmt::format("event {}: more than {} calls inside each other", event.sequence, kMostNested));
            passing.erase(passing.begin());
        }
        passing.push_back(event);
    }
    acts_.push_back(std::move(act));
}

// A lock function calls no other one of them. So a task that comes to one has returned from the one before, also where
// that return was not seen: the probe had the task make the call, and it returned to no place behind a call.
void ObservedLocks::return_from_locks(const ObserverEvent& event) {
    auto& passing = passing_[event.task];
    while (!passing.empty() && function_of(passing.back()).call != LockCall::none) {
        tell_return(passing.back(), event);
        passing.pop_back();
    }
}

// The returned value is not known.
void ObservedLocks::tell_return(const ObserverEvent& entry, const ObserverEvent& now) {
    const LockCall call = function_of(entry).call;
    if (call != LockCall::locks && call != LockCall::reads) return;
    ObservedAct act{.sequence = now.sequence, .task = now.task, .stack = now.stack, .vcpu = now.vcpu};
    act.passed = entry.function;
    act.left = true;
    act.from = entry.called_from;
    act.arguments.assign(entry.argument, entry.argument + entry.arguments);
    acts_.push_back(std::move(act));
}

// Other functions may be called at the same place, and a task may come there by no return at all.
std::optional<ObserverEvent> ObservedLocks::returned(const ObserverEvent& event) {
    auto& passing = passing_[event.task];
    const auto entry = std::ranges::find_if(passing.rbegin(), passing.rend(), [&](const ObserverEvent& one) {
        return one.function == event.function && one.called_from == event.called_from;
    });
    if (entry == passing.rend()) return std::nullopt;
    const ObserverEvent call = *entry;
    const auto found = std::next(entry).base();
    // A call that ended in another one returns where that one does, whose answer comes next.
    const auto missed = [&](const ObserverEvent& inner) { return inner.called_from != event.called_from; };
    for (auto inner = std::next(found); inner != passing.end(); ++inner)
        if (missed(*inner) && function_of(*inner).call != LockCall::none) tell_return(*inner, event);
        else if (missed(*inner))
            contradict(fmt::format("event {}: {} returns, but not the call of {} inside it (event {})", event.sequence,
                                   function_of(event).name, function_of(*inner).name, inner->sequence));
    passing.erase(std::remove_if(std::next(found), passing.end(), missed), passing.end());
    passing.erase(found);
    return call;
}

void ObservedLocks::entered(const ObserverEvent& event) {
    const ObservedFunction& function = function_of(event);
    const auto fixed = fixed_lock(function);
    if (function.role == ObservedRole::unreads_rwsem) {
        if (fixed) tell(event, *fixed, LockAction::releases, true);
        return;
    }
    auto& calls = calls_[event.task];
    // percpu_up_write() is left unseen. A call that was begun again was not the same one.
    std::erase_if(calls, [&](const Call& call) {
        return functions_[call.function].role == ObservedRole::unlocks_rwsem || call.function == event.function;
    });
    calls.push_back({event.function, fixed, false, event.called_from});
    if (function.role == ObservedRole::reads_rwsem && fixed) tell(event, *fixed, LockAction::wants, true);
}

ObservedLocks::Followed ObservedLocks::left(const ObserverEvent& event, bool guest_is_stopped) {
    const auto task = calls_.find(event.task);
    if (task == calls_.end()) return Followed::done;
    const ObservedFunction& function = function_of(event);
    // The pieces of one function have one name.
    const auto call = std::ranges::find_if(
        task->second, [&](const Call& one) { return functions_[one.function].name == function.name; });
    if (call == task->second.end()) return Followed::done;
    const Call ended = *call;
    if (ended.lock && function.role == ObservedRole::locks_rwsem) {
        const Followed taken = take(event, *ended.lock, guest_is_stopped);
        if (taken != Followed::done) return taken;
    }
    if (ended.lock && function.role == ObservedRole::tries_mutex && !ended.took)
        tell(event, *ended.lock, LockAction::refused, false, ended.from);
    if (ended.lock && function.role == ObservedRole::reads_rwsem)
        tell(event, *ended.lock, LockAction::takes, true, ended.from);
    task->second.erase(call);
    return Followed::done;
}

ObservedLocks::Followed ObservedLocks::touched_mutex(const ObserverEvent& event, std::uint32_t number,
                                                     bool guest_is_stopped) {
    const ObservedRole role = function_of(event).role;
    Lock& lock = locks_[number];
    const bool owns = owner_in_word(event.value) == event.task;
    if (role == ObservedRole::unlocks_mutex) {
        if (event.kind != OBSERVER_EVENT_STORE || owns || lock.holder != event.task) return Followed::done;
        lock.holder = 0;
        tell(event, number, LockAction::releases);
        return Followed::done;
    }
    if (role != ObservedRole::locks_mutex && role != ObservedRole::tries_mutex) return Followed::done;
    Call* attempt = nullptr;
    if (const auto calls = calls_.find(event.task); calls != calls_.end())
        for (auto& call : calls->second)
            if (functions_[call.function].role == ObservedRole::tries_mutex) attempt = &call;
    if (owns) {
        const Followed taken = lock.holder == event.task ? Followed::done : take(event, number, guest_is_stopped);
        if (attempt != nullptr && taken == Followed::done) attempt->took = true;
        return taken;
    }
    if (attempt != nullptr) {
        attempt->lock = number;
        return Followed::done;
    }
    // A load that finds no owner is followed by an attempt to become the owner.
    if (event.kind == OBSERVER_EVENT_STORE || owner_in_word(event.value) != 0) want(event, number);
    return Followed::done;
}

void ObservedLocks::touched_rwsem(const ObserverEvent& event, std::uint32_t number) {
    const ObservedRole role = function_of(event).role;
    const auto task = calls_.find(event.task);
    if (task == calls_.end()) return;
    const bool locks = role == ObservedRole::locks_rwsem || role == ObservedRole::enters_rwsem;
    if (!locks && role != ObservedRole::unlocks_rwsem) return;
    const ObservedRole wanted = locks ? ObservedRole::locks_rwsem : ObservedRole::unlocks_rwsem;
    const auto call = std::ranges::find_if(
        task->second, [&](const Call& one) { return functions_[one.function].role == wanted && !one.lock; });
    if (call == task->second.end()) return;
    call->lock = number;
    Lock& lock = locks_[number];
    if (locks) want(event, number);
    if (locks || lock.holder != event.task) return;
    lock.holder = 0;
    tell(event, number, LockAction::releases);
}

void ObservedLocks::want(const ObserverEvent& event, std::uint32_t number) {
    if (locks_[number].wanting.emplace(event.task, event.called_from).second) tell(event, number, LockAction::wants);
}

bool ObservedLocks::releases(const ObserverEvent& event, const Lock& lock, std::uint32_t number) const {
    if (!is_access(event) || event.task != lock.holder) return false;
    const auto touched = by_span_.find(event.span);
    if (touched == by_span_.end() || touched->second != number) return false;
    const ObservedRole role = function_of(event).role;
    if (!lock.mutex) return role == ObservedRole::unlocks_rwsem;
    return role == ObservedRole::unlocks_mutex && event.kind == OBSERVER_EVENT_STORE &&
           owner_in_word(event.value) != event.task;
}

bool ObservedLocks::postpone(const ObserverEvent& event, const Lock& lock, std::uint32_t number) {
    const auto release =
        std::ranges::find_if(queue_, [&](const ObserverEvent& one) { return releases(one, lock, number); });
    if (release == queue_.end() || !postponed_.insert(event.sequence).second) return false;
    const std::uint64_t last = release->sequence;
    std::vector<ObserverEvent> first;
    std::erase_if(queue_, [&](const ObserverEvent& one) {
        const bool moves = one.task == lock.holder && one.sequence <= last;
        if (moves) first.push_back(one);
        return moves;
    });
    first.push_back(event);
    queue_.insert(queue_.begin(), first.begin(), first.end());
    return true;
}

ObservedLocks::Followed ObservedLocks::take(const ObserverEvent& event, std::uint32_t number, bool guest_is_stopped) {
    Lock& lock = locks_[number];
    if (lock.holder != 0 && lock.holder != event.task) {
        if (postpone(event, lock, number)) return Followed::postponed;
        if (!guest_is_stopped) return Followed::too_early;
        contradict(fmt::format("event {}: task {:x} takes a lock that task {:x} has not released", event.sequence,
                               event.task, lock.holder));
    }
    lock.holder = event.task;
    const auto wish = lock.wanting.find(event.task);
    const std::uint64_t from = wish == lock.wanting.end() ? 0 : wish->second;
    lock.wanting.erase(event.task);
    tell(event, number, LockAction::takes, false, from);
    return Followed::done;
}

void ObservedLocks::contradict(std::string line) {
    if (contradictions_.size() < kMostContradictions) contradictions_.push_back(std::move(line));
}

void ObservedLocks::tell(const ObserverEvent& event, std::uint32_t lock, LockAction action, bool shared,
                         std::uint64_t from) {
    if (from == 0) from = event.called_from;
    acts_.push_back({event.sequence, event.task, event.stack, lock, action, event.vcpu, shared, from});
}

}  // namespace memrig
