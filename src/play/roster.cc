#include "play/roster.h"

#include <algorithm>
#include <ranges>

namespace memrig {

namespace {
std::uint64_t count_in(const std::map<std::string, std::uint64_t>& counts, const std::string& actor) {
    const auto found = counts.find(actor);
    return found == counts.end() ? 0 : found->second;
}
}  // namespace

bool Roster::may_be_held(const std::string& actor, unsigned vcpu) {
    const auto own = casting_.vcpus.find(actor);
    if (own != casting_.vcpus.end()) return own->second == vcpu;
    return vcpu == casting_.left || std::ranges::none_of(casting_.vcpus, [&](const auto& thread) {
               return thread.second == vcpu && !finished(schedule_.actor(thread.first));
           });
}

void Roster::set_entries(const std::string& actor, std::set<std::uint64_t> addresses) {
    entries_[actor] = std::move(addresses);
}

const std::set<std::uint64_t>& Roster::entries(const std::string& actor) const {
    static const std::set<std::uint64_t> none;
    const auto found = entries_.find(actor);
    return found == entries_.end() ? none : found->second;
}

bool Roster::enters(const Actor& actor, const Passage& arrival) {
    if (!entries(actor.name).contains(arrival.function)) return false;
    // Other tasks come this way before the actor starts and after it has finished.
    if (!has_started(actor.name) || finished(actor)) return false;
    if (actor.is_thread() && vcpu_of(actor.name) != arrival.vcpu) return false;
    // The same worker may have done the work of another actor before.
    for (const auto& other : schedule_.actors)
        if (other.name != actor.name && task_of(other.name) == arrival.task && finished(other))
            record_.forget_task(other.name);
    // One worker does all that ACPI asks for, one piece after the other: this piece is the first unfinished actor's.
    if (const std::string other = actor_of(arrival.task); !other.empty() && other != actor.name) return false;
    const auto known = task_of(actor.name);
    // The virtio-mem driver leaves what it could not do at once to another worker. Each event of ACPI may have its own.
    const bool may_change_task = !actor.is_thread() && (actor.device == MemoryDevice::virtio_mem || actor.calls > 1);
    if (!known || may_change_task) record_.note_task(actor.name, arrival.task);
    return !known || may_change_task || *known == arrival.task;
}

std::string Roster::actor_of(std::uint64_t task) const {
    for (const auto& [actor, stack] : record_.performance().tasks)
        if (stack == task) return actor;
    return {};
}

std::optional<std::uint64_t> Roster::task_of(const std::string& actor) const {
    const auto& tasks = record_.performance().tasks;
    const auto found = tasks.find(actor);
    return found == tasks.end() ? std::nullopt : std::optional(found->second);
}

bool Roster::finished(const Actor& actor) {
    if (actor.is_thread()) return has_started(actor.name) && writes_of(actor.name) >= count_in(work_, actor.name);
    // Where nobody watches the tasks, the blocks tell: all of them can be onlined.
    return entries_.empty() || (has_started(actor.name) && count_in(calls_, actor.name) >= count_in(work_, actor.name));
}

bool Roster::all_finished() {
    return std::ranges::all_of(schedule_.actors, [this](const Actor& actor) { return finished(actor); });
}

std::size_t Roster::writes_of(const std::string& thread) {
    collect_writes();
    const auto now =
        std::ranges::subrange(record_.performance().writes).next(static_cast<std::ptrdiff_t>(writes_of_past_rounds_));
    return static_cast<std::size_t>(std::ranges::count(now, thread, &WriterReport::writer));
}

void Roster::begin_round() {
    writes_of_past_rounds_ = record_.performance().writes.size();
    started_.clear();
    work_.clear();
    calls_.clear();
}

}  // namespace memrig
