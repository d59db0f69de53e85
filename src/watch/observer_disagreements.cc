// The comparison of two histories of locks: by the ledger, and by the observer.
#include <map>

#include <fmt/format.h>

#include "watch/lock_names.h"
#include "watch/lock_observer.h"

namespace memrig {

namespace {

constexpr std::size_t kMostDisagreements = 16;

// The acts of one task with one lock.
using Steps = std::vector<const LockEvent*>;
using StepsOf = std::map<std::pair<std::string, std::uint64_t>, Steps>;

StepsOf steps_of(const std::vector<LockEvent>& events) {
    StepsOf steps;
    for (const auto& event : events) steps[{event.lock, event.task}].push_back(&event);
    return steps;
}

bool wants(const LockEvent* event) { return event->action == LockAction::wants; }

bool same(const LockEvent* one, const LockEvent* other) {
    return one->action == other->action && one->shared == other->shared;
}

std::string text_of(const Steps& steps, std::size_t at) {
    return at < steps.size() ? to_string(steps[at]->action) : "nothing";
}

// Steps over wishes that only one of the two has, and over repeated ones.
void step_over_wishes(const Steps& ledger, std::size_t& mine, const Steps& observer, std::size_t& other) {
    while (mine < ledger.size() && other < observer.size() && wants(ledger[mine]) != wants(observer[other]))
        wants(ledger[mine]) ? mine++ : other++;
    while (mine < ledger.size() && other >= observer.size() && wants(ledger[mine])) mine++;
    while (other < observer.size() && mine >= ledger.size() && wants(observer[other])) other++;
}

// Returns the first difference, or "".
std::string first_difference(const Steps& ledger, const Steps& observer, bool ahead, std::size_t& compared) {
    std::size_t mine = 0, other = 0;
    for (;;) {
        step_over_wishes(ledger, mine, observer, other);
        if (mine >= ledger.size() || other >= observer.size() || !same(ledger[mine], observer[other])) break;
        mine++, other++, compared++;
    }
    if (mine == ledger.size() && (other == observer.size() || (ahead && other + 1 == observer.size()))) return {};
    return fmt::format("step {}: the ledger saw \"{}\", the observer saw \"{}\"", mine + 1, text_of(ledger, mine),
                       text_of(observer, other));
}

}  // namespace

std::vector<std::string> observer_disagreements(const std::vector<LockEvent>& ledger,
                                                const std::vector<LockEvent>& observer, std::size_t& compared) {
    std::vector<std::string> found;
    compared = 0;
    std::map<std::uint64_t, const LockEvent*> last;  // of each task, as the observer saw it
    for (const auto& event : observer) last[event.task] = &event;
    StepsOf ours = steps_of(ledger);
    const StepsOf theirs = steps_of(observer);
    for (const auto& [key, steps] : theirs) ours[key];
    for (const auto& [key, steps] : ours) {
        const auto& [lock, task] = key;
        const auto there = theirs.find(key);
        const Steps& other = there == theirs.end() ? Steps() : there->second;
        // A mutex that is taken shows at once in the mutex itself.
        const bool is_rwsem = is_watched_lock(lock) && !is_mutex(lock);
        const bool ends_a_call =
            !other.empty() && other.back()->action == (is_rwsem ? LockAction::takes : LockAction::refused);
        const bool ahead = ends_a_call && last[task] == other.back();
        const std::string difference = first_difference(steps, other, ahead, compared);
        if (!difference.empty() && found.size() < kMostDisagreements)
            found.push_back(fmt::format("{} and task {:x}, {}", lock, task, difference));
    }
    return found;
}

}  // namespace memrig
