// The roster: which task belongs to which actor, and how far each actor has come.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/assert.h"
#include "guest/guest_link.h"
#include "play/casting.h"
#include "play/record.h"
#include "probe/conductor.h"
#include "schedule/schedule.h"
#include "watch/passage.h"

namespace memrig {

// Not thread-safe. All that it is given must outlive it. Actors are named as in the schedule.
class Roster {
public:
    Roster(const Schedule& schedule, GuestLink& agent, Record& record)
        : schedule_(schedule), agent_(agent), record_(record) {}

    [[nodiscard]] const Schedule& schedule() const { return schedule_; }

    // Which vCPU each thread is on.
    void assign(Casting casting) { casting_ = std::move(casting); }
    // REQUIRES: assign(), and the actor is a thread.
    [[nodiscard]] unsigned vcpu_of(const std::string& thread) const {
        const auto found = casting_.vcpus.find(thread);
        MEMRIG_ASSERT(found != casting_.vcpus.end(), "assign() has given the thread a vCPU");
        return found->second;
    }
    // True if a hold of the actor on that vCPU stops no other actor that has not finished.
    [[nodiscard]] bool may_be_held(const std::string& actor, unsigned vcpu);

    // The addresses at which the actor's task becomes known. If no actor has any, nobody watches the tasks.
    void set_entries(const std::string& actor, std::set<std::uint64_t> addresses);
    [[nodiscard]] const std::set<std::uint64_t>& entries(const std::string& actor) const;
    // True if this task has come to the actor's entry. If so, it is known from now on.
    bool enters(const Actor& actor, const Passage& arrival);
    [[nodiscard]] std::string actor_of(std::uint64_t task) const;  // "" for a task that is no actor's
    [[nodiscard]] std::optional<std::uint64_t> task_of(const std::string& actor) const;

    void note_start(const std::string& actor) { started_.insert(actor); }
    [[nodiscard]] bool has_started(const std::string& actor) const { return started_.contains(actor); }
    // After how many writes (a thread), or how many calls of its entry (any other), the actor has finished.
    void set_work(const std::string& actor, std::uint64_t pieces) { work_[actor] = pieces; }
    // A call of the entry has returned, and got something done. For actors that are no threads.
    void note_call(const std::string& actor) { calls_[actor]++; }

    // These three take in the writes that the agent has reported by now.
    [[nodiscard]] bool finished(const Actor& actor);
    [[nodiscard]] bool all_finished();
    [[nodiscard]] std::size_t writes_of(const std::string& thread);  // in this round
    void collect_writes() { record_.note_writes(agent_.writes()); }

    // The next round of a loop: no actor has started. The entries and the vCPUs stay.
    void begin_round();

private:
    const Schedule& schedule_;
    GuestLink& agent_;
    Record& record_;
    Casting casting_;
    std::map<std::string, std::set<std::uint64_t>> entries_;  // by actor
    std::set<std::string> started_;
    std::map<std::string, std::uint64_t> work_;   // by actor
    std::map<std::string, std::uint64_t> calls_;  // by actor
    std::size_t writes_of_past_rounds_ = 0;
};

}  // namespace memrig
