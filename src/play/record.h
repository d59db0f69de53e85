// The record of one performance: each fact that the player sees goes through it, into the Performance and the Timeline.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "schedule/performance.h"
#include "schedule/timeline.h"
#include "watch/lock_ledger.h"

namespace memrig {

// Returns the actors other than the event's task that hold its lock now.
std::vector<std::string> owners_of(const LockLedger& ledger, const Performance& performance, const LockEvent& event);

// Not thread-safe. The timeline must outlive it. No call fails.
class Record {
public:
    Record(Timeline& timeline, MemorySnapshot before) : timeline_(timeline) { performance_.before = std::move(before); }

    [[nodiscard]] const Performance& performance() const { return performance_; }
    [[nodiscard]] bool crashed() const { return !performance_.crashes.empty(); }
    // "done", or a refusal as Refusal::shown() writes it; "" if the actor has no answer yet.
    [[nodiscard]] std::string answer_of(const std::string& actor) const;

    // Only the timeline gets it. The time is now.
    void add_event(const std::string& actor, const std::string& what, std::string text,
                   std::optional<unsigned> vcpu = {}) {
        timeline_.add(actor, what, std::move(text), vcpu);
    }

    // The performance comes to a step of the schedule.
    void note_step(const std::string& text);
    // Explore mode, or a race: another actor goes on.
    void note_switch(const Switch& taken);
    void note_race(RaceRecord race) { performance_.race = std::move(race); }
    // Explore mode has no steps: the text of the order stands in for the step.
    void note_order(std::string text) { performance_.step = std::move(text); }
    void note_end(PlayEnd end) { performance_.end = end; }
    // The step cannot come true any more.
    void note_in_vain(const std::string& reason);
    // From the first step to the last.
    void note_duration(double seconds) { performance_.schedule_seconds = seconds; }

    // Replaces the task that the actor had.
    void note_task(const std::string& actor, std::uint64_t task) { performance_.tasks[actor] = task; }
    void forget_task(const std::string& actor) { performance_.tasks.erase(actor); }
    void note_names(std::map<std::uint64_t, TaskName> names) { performance_.names = std::move(names); }
    void note_plugged(const std::string& adder, const BlockRange& blocks) { performance_.plugged[adder] = blocks; }
    // The snapshot from before the schedule, without what an actor stands for that was there at boot.
    void replace_before(MemorySnapshot before) { performance_.before = std::move(before); }
    void note_answer(const std::string& actor, std::string answer) { performance_.answers[actor] = std::move(answer); }
    // `reports`: all writes so far, oldest first, the ones of earlier calls included.
    void note_writes(std::vector<WriterReport> reports);

    // `actor` is "" for a task that is no actor's. If an actor waits or is refused, that is an observation, too, and
    // `owners` are the other actors that hold the lock. If an actor takes a lock under a hold, this revokes earlier
    // observations that it was kept out of the lock.
    void note_lock(const LockEvent& event, const std::string& actor, const std::vector<std::string>& owners);
    void note_observation(const std::string& actor, const Observation& observation, std::optional<unsigned> vcpu,
                          const std::string& where, std::vector<std::string> owners = {});
    // A dwell is over, and the observation performance().evidence[index] was not revoked. REQUIRES: it exists.
    void note_lasted(std::size_t index, unsigned ticks);
    // The actor's task enters `function`, its entry. Under a hold, this revokes that its work was only queued.
    void note_entry(const std::string& actor, const std::string& function, unsigned vcpu);
    void note_hold(HoldRecord hold);
    // Ends all holds of the actor, and returns them.
    std::vector<HoldRecord> note_release(const std::string& actor);
    // The actor has finished although it should have waited for `other`.
    void note_overtaking(const std::string& actor, const std::string& other, std::string text);
    void note_crash(Crash crash);
    // Two looks make a pair, and the performance keeps the last pair: a third look starts the next one.
    void note_look(StuckSample sample);
    // Replaces the loop that was looked for before.
    void note_loop(LoopRecord loop);

    void note_vcpus_before(std::optional<VcpuFigures> figures) { performance_.vcpus_before = figures; }
    void note_after(MemorySnapshot snapshot, std::optional<VcpuFigures> figures);
    void note_check(MemoryCheck check) { performance_.checks.push_back(std::move(check)); }
    void note_footprint(Footprint footprint);
    // Forgets what the next round of a loop repeats: the tasks, the plugged blocks and the answers.
    void begin_round();

private:
    [[nodiscard]] bool under_hold() const;
    Timeline& timeline_;
    Performance performance_;
};

}  // namespace memrig
