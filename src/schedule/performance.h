// The performance: what was seen while a schedule was played, as facts for the oracles.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hotplug/accounting.h"
#include "hotplug/footprint.h"
#include "hotplug/vcpu.h"
#include "schedule/goals.h"
#include "schedule/schedule.h"
#include "watch/lock_ledger.h"
#include "watch/task_names.h"

namespace memrig {

// An actor held at a point. `block` is the memory block whose device stood there, if the step asked for one; or the
// block of a pinned page.
struct HoldRecord {
    std::string actor;
    std::string at;
    unsigned vcpu = 0;
    std::optional<std::uint64_t> block;
    SteadyTime placed;
    std::optional<SteadyTime> released;
    std::optional<std::uint64_t> pfn = {};  // a pinner holds no vCPU, but this page of the block
};

// True for an observation of one moment: `refused`, `blocked` and `queued`. An actor that is about to get in gives it,
// too. So it shows that the actor is kept out only if nothing changes while the hold goes on.
bool is_momentary(Observation::Kind kind);

struct EvidenceRecord {
    std::string actor;
    Observation evidence;
    SteadyTime at;
    std::string where;                // the caller, for a lock
    std::vector<std::string> during;  // actors that were held then
    // The actors that held the lock then, if the observation is about one. Empty also if no ledger is kept.
    std::vector<std::string> owners = {};
    bool revoked = false;  // the actor took the lock, or began what was queued, while the hold was still in force
    std::optional<unsigned> vcpu = {};  // where it was observed, if at a stop of the actor's or of who acts for it
    bool lasted = false;  // of a momentary one: it was not revoked in a dwell (play/dwell.h) under the same hold
};

// The kernel's own crash path was entered (oops_enter() or panic(), kernel/panic.c).
struct Crash {
    SteadyTime at;
    std::string function;
    std::string actor;  // whose task it was, "" if nobody's
    unsigned vcpu = 0;
};

// One look at a guest that makes no progress.
struct StuckSample {
    SteadyTime at;
    std::vector<BlockedTask> blocked;
    // The guest's own clock in milliseconds, before and after the look at the blocked tasks.
    std::uint64_t begin_ms = 0, end_ms = 0;
    // The actors that are at work in the kernel and do not wait there: each is on a vCPU, or it sleeps by the clock.
    std::vector<std::string> awake = {};
    std::optional<WaitCycle> cycle;
    // The events in the ledger by then: those of the cycle's tasks, or all where there is no cycle. No growth between
    // two samples is no progress. Other tasks may go on while a cycle stands: a task that only tries a lock is refused
    // again and again.
    std::size_t lock_events = 0;
};
// The least time of the guest between two looks that are compared.
inline constexpr std::uint64_t kLookSpacingMs = 1000;
// Says what keeps two looks from showing a standstill; nothing if they show one. The looks are far enough apart, and no
// lock event lies between them. A task stands still if it is blocked in both with the same stack, which is not empty,
// and the same context switches. With a cycle, it is the same one, and as many tasks as it has stand still. Without a
// cycle, all blocked tasks stand still, and no actor is awake.
std::optional<std::string> movement_between(const StuckSample& first, const StuckSample& second);
// True if nothing keeps the two looks from showing a standstill.
bool shows_standstill(const StuckSample& first, const StuckSample& second);

// An actor's task that goes round in the kernel. A state of the task is its kernel stack and all registers that outlive
// a call, at a function's entry. A task that comes to the same state again has got nowhere by itself.
struct LoopRecord {
    std::string actor;
    std::string function;              // the actor entered it in each pass; "" if no state came again
    std::vector<std::string> path;     // the callers at that entry, innermost first: the loop is in the first one
    std::vector<std::string> also;     // other functions that were entered in the same state again
    unsigned passes = 0;               // how often the actor entered the function in that one state
    std::uint64_t guest_ms = 0;        // the guest's own time that the passes took
    std::size_t lock_events = 0;       // of the actor in that time
    std::vector<std::string> samples;  // where the task was found: "scan_movable_pages+0x1c < offline_pages+0x3a4"
    std::vector<LockEvent> held;       // the locks that the task held, each as the event by which it took the lock
};
// The passes that prove a loop, and the least time of the guest that they take: more than the kernel itself grants
// (20 s, kernel/watchdog.c). A loop may wait for another CPU, which the probe's stops make slow.
inline constexpr unsigned kLoopPasses = 50;
inline constexpr std::uint64_t kLoopMs = 30'000;
// Says what a loop lacks to be proven; nothing if it is: so many passes, in so much time, and no lock event.
std::optional<std::string> lack_of_proof(const LoopRecord& loop);

// A look at the memory on the way.
struct MemoryCheck {
    std::size_t step = 0;  // the index of the step `check`
    MemorySnapshot memory;
};

// The course of a race that was played one actor at a time.
struct RaceRecord {
    Interleaving switches;                         // that came to pass
    std::size_t points_passed = 0;                 // how often an actor came to a point in its turn
    std::vector<std::string> passed;               // "adder device_add", in their order, as many as kMostPassed
    bool complete = true;                          // every switch that the race asks for came to pass
    std::vector<std::string> missing_points = {};  // this kernel has no function for them
    bool passed_a_point = false;                   // an actor came to one of the points, and not only to an entry
};
inline constexpr std::size_t kMostPassed = 4096;

enum class PlayEnd {
    finished,  // every step was done
    crashed,   // the kernel crashed on the way
    stuck,     // the actors make no progress: see `stuck` and `loop`
    expired    // a step's evidence did not come, see `step`
};

struct Performance {
    PlayEnd end = PlayEnd::expired;
    std::string step;       // the last one that was played
    std::string in_vain;    // why that step could not come true any more; "" if it was not known
    PluggedBlocks plugged;  // by adder, where QEMU took its device and it is whole blocks
    std::map<std::string, std::string>
        answers;  // by actor that plugs or unplugs a pc-dimm: "done", or a refusal as Refusal::shown() has it
    std::map<std::string, std::uint64_t> tasks;  // by actor: its kernel stack, once it was seen
    std::vector<HoldRecord> holds;
    std::vector<EvidenceRecord> evidence;
    std::vector<std::string> overtaking;  // a line for each actor that did not wait for a pinned page
    std::vector<Crash> crashes;
    std::vector<StuckSample> stuck;
    std::optional<LoopRecord> loop;  // the last one that was looked for, proven or not
    std::vector<WriterReport> writes;
    std::map<std::uint64_t, TaskName> names;  // of tasks, by kernel stack, as far as they could be learned
    MemorySnapshot before;
    std::vector<MemoryCheck> checks;
    std::optional<RaceRecord> race = {};
    std::optional<MemorySnapshot> after;                   // where it finished
    std::optional<VcpuFigures> vcpus_before, vcpus_after;  // where a vCPU is plugged
    std::vector<Footprint> footprints;                     // of a loop: one for each look
    double schedule_seconds = 0;                           // from the first step to the last
};

// True if a counter of the loop grew in each stretch so far, and must grow in further ones before it convicts.
bool needs_further_looks(const Schedule& schedule, const Performance& performance);

// Returns one line for each refusal that can no longer come, because the request that should have been refused was
// granted: "second: done, not GenericError: ...". QEMU's word is final if no refusal by the kernel is expected. A write
// that should fail, and was done, is final. Other unexpected answers are not among them: the play goes on after them.
std::vector<std::string> missed_refusals(const Schedule& schedule, const Performance& performance);
// "onliner's write to memory32: done, not EBUSY".
std::string unexpected_write(const Actor& actor, const WriterReport& write);

// Returns a hold that is still in force, or null. A task that waits for its actor waits for the rig.
const HoldRecord* hold_in_force(const Performance& performance);

}  // namespace memrig
