// The cast: the actors of a schedule in one guest, armed, started, known by their tasks and watched to their end.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "machine/machine.h"
#include "play/casting.h"
#include "probe/conductor.h"
#include "probe/symbols.h"
#include "schedule/performance.h"
#include "schedule/timeline.h"
#include "watch/lock_ledger.h"

namespace memrig {

// How long the agent is waited for: it answers at once where the guest runs.
inline constexpr auto kAgentPatience = std::chrono::seconds(60);
inline constexpr auto kQmpPatience = std::chrono::seconds(60);

// What the guest's memory looks like before anything is watched: greets the agent of a machine just restored.
Result<MemorySnapshot> snapshot_before(Machine& machine, Conductor& conductor);

struct CastSpec {
    MemorySnapshot before;
    const Schedule& schedule;
    std::map<std::string, std::string> attributes;  // by thread: the one chosen of its attributes
    std::uint64_t block_bytes = 0;
    unsigned housekeeping = 1;  // vCPUs from 0 on that are never held
};

// Not thread-safe; everything it is given must outlive it. All that is seen goes into `seen` and the timeline. An error is a fault of
// the rig, the host or the user; all that the guest does is a thing seen.
class Cast {
public:
    // `ledger` may be null: then no lock is seen, and no actor's task is told from another's by its locks.
    Cast(Machine& machine, Conductor& conductor, LockLedger* ledger, const SymbolTable& symbols, Timeline& timeline,
         CastSpec order);

    // Puts each thread on its vCPU, spinning until it is rung. The guest stands still after. `trigger` is what they do then, where it
    // is not what the schedule says: then all act at once.
    Status arm(std::optional<WriterTrigger> trigger = {});
    // Of a loop: what a round has left is looked at and, as far as it is QEMU's, taken away; then all are ready to do the same again.
    // False where a device is not gone, so that there is no sense in another round.
    Result<bool> end_round();
    Status begin_round();
    // What there is in QEMU and in the guest goes into `seen`.
    Status leave_footprint(unsigned round);
    // Watches the actors' entries, the locks and the kernel's crash path.
    Status watch();
    // The crash path alone.
    Status watch_crashes();

    // Does what the actor does through QMP, or rings the thread, while the guest stands still.
    Status start(const Actor& actor);
    // The pinner's page is free to move again. Whoever was to stall on it and has finished by now goes into `seen`.
    Status let_page_go(const Actor& pinner);
    // Whether there is no sense in waiting for the actors any more, e.g. as a lock that they need is lost.
    void give_up_when(std::function<bool()> hopeless) { hopeless_ = std::move(hopeless); }
    [[nodiscard]] bool hopeless() { return hopeless_ && !all_finished() && hopeless_(); }
    // Told of each lock event, after it was noted.
    void on_lock(std::function<void(const LockEvent&)> listener) { lock_listener_ = std::move(listener); }
    // The addresses that the actor's task is known by, and enters at; empty before watch().
    [[nodiscard]] const std::set<std::uint64_t>& entries(const Actor& actor) { return entries_[actor.name]; }
    // Readable when a thread has reported.
    [[nodiscard]] int descriptor() const { return machine_.agent().descriptor(); }
    // Whether this arrival is at the actor's entry: then its task is known from now on.
    Result<bool> enters(const Actor& actor, const Arrival& arrival);

    [[nodiscard]] std::string actor_of(std::uint64_t task) const;  // "" for a task that is no actor's
    // Whether holding the actor on that vCPU holds no other actor, too, that has not finished.
    [[nodiscard]] bool may_be_held(const std::string& actor, unsigned vcpu);
    [[nodiscard]] bool has_started(const std::string& actor) const { return started_.contains(actor); }
    [[nodiscard]] bool crashed() const { return !seen.crashes.empty(); }
    [[nodiscard]] bool finished(const Actor& actor);
    [[nodiscard]] bool all_finished();
    // How many blocks it has written to.
    [[nodiscard]] std::size_t writes_of(const std::string& thread);
    void note_evidence(const std::string& actor, const Observation& evidence, std::optional<unsigned> vcpu,
                       const std::string& where);
    // Of each lock that the actor was seen asking for and has not yet: whether the guest itself says that the actor's task sleeps in that
    // very call. The innermost frame of its stack is then the place that it asked at: the kernel leaves the lock functions out of a
    // stack (__sched), but not what else they wait for, RCU for one. The guest stands still after.
    Status look_for_sleeper(const Actor& actor);

    // As the conductor's, with the agent's descriptor to wake it, and a look at the guest every now and then. An error as soon as the machine is known to be gone: of a libvirt that fell silent
    // the probe, whose line to QEMU is another one, does not hear.
    Result<RunEnd> run_until(const std::function<bool()>& done, Deadline deadline);
    // Runs until all have finished, the kernel has crashed or nothing moves; says how in `seen`.
    Status settle(Deadline give_up);
    // Two looks, with the guest running in between. True if neither shows any progress over the other. An onliner beside a cycle, that is
    // refused and tries again for ever (lock_device_hotplug_sysfs), parks meanwhile at its entry, where it has no lock: the stops
    // that each of its tries costs leave the agent hardly any time to answer. It is not held, as the work that brings the agent its questions
    // (flush_to_ldisc()) may be on its vCPU.
    Result<bool> look_at_stuck();
    std::size_t lock_events_of(const std::optional<WaitCycle>& cycle) const;
    // Lets the kernel print its last words; they are evidence.
    Status wait_for_crash_output();
    // Takes all watches away, lets the guest go on and looks at its memory.
    Status snapshot_after();
    void collect_writes();

    Performance seen;

private:
    Result<bool> look_twice();
    Result<Response> at_entry(const Actor& actor, const Arrival& arrival);
    Result<Response> at_retry(const Actor& actor, const Arrival& arrival);
    Result<Response> at_crash(const std::string& function, const Arrival& arrival);
    void at_lock(const LockEvent& event);
    Status arm_threads();
    Status plug(const Actor& actor);
    Status plug_one_dimm(const Actor& actor);
    Result<BlockRange> give_virtio_mem(const Actor& actor);
    Result<Answer<PluggedDimm>> make_dimm(const Actor& actor);
    Result<Answer<void>> ask_to_unplug(const Actor& actor);
    void plugged(const Actor& actor, const BlockRange& blocks);
    Status resize(const Actor& actor);
    Status unplug(const Actor& actor);
    Status plug_one_vcpu(const Actor& actor);
    Status pin(const Actor& actor);
    Status unpin(const Actor& actor);
    Status ring(const Actor& actor);
    // Of the device that the thread is for, or of all that were plugged.
    [[nodiscard]] Result<BlockRange> blocks_for(const Actor& thread) const;
    Status remove_left_backends();
    Status compare_sizes();
    Status collect_console_refusals();
    Status collect_acpi_status();
    Status hear_unplug_errors();
    Status await_word_of_refusal(const Actor& actor);
    [[nodiscard]] WriterSpec order_for(const Actor& actor, std::optional<WriterTrigger> trigger) const;
    Result<std::optional<VcpuFigures>> look_at_vcpus();

    Machine& machine_;
    Conductor& conductor_;
    LockLedger* ledger_;
    const SymbolTable& symbols_;
    Timeline& timeline_;
    CastSpec order_;
    Subscription lock_events_;
    std::function<void(const LockEvent&)> lock_listener_;
    std::function<bool()> hopeless_;
    std::map<std::string, std::set<std::uint64_t>> entries_;  // by actor: the addresses that it is known by
    Casting casting_;
    std::optional<WriterTrigger> trigger_;       // of all threads, where it is not what the schedule says
    std::map<std::string, Doorbell> doorbells_;  // by thread
    std::set<std::string> started_;
    std::optional<WaitCycle> looked_at_;           // while the rig looks at what it takes for a deadlock
    BlockRange own_memory_;                        // that is there to be plugged
    std::uint64_t virtio_mem_blocks_ = 0;          // that the virtio-mem device has now
    std::map<std::string, std::uint64_t> asked_;   // by thread: the writes that it was rung for
    std::map<std::string, std::uint64_t> wanted_;  // by who acts through QMP: how many such calls do what it wants done
    std::map<std::string, std::uint64_t>
        calls_;  // by who acts through QMP: returns of its entry that got something done
    std::size_t writes_taken_ = 0;
    std::size_t writes_of_rounds_past_ = 0;
};

}  // namespace memrig
