// The cast: the actors of a schedule in one guest. It makes the parts that play them, and connects these with the
// probe.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "play/actions.h"
#include "play/answers.h"
#include "play/context.h"
#include "play/park.h"
#include "play/snapshot.h"
#include "play/stall_detector.h"
#include "play/writers.h"
#include "watch/passages.h"

namespace memrig {

struct CastSpec {
    MemorySnapshot before;
    const Schedule& schedule;
    std::map<std::string, std::string> attributes;  // by thread: the chosen one of its attributes
    std::uint64_t block_bytes = 0;
    unsigned housekeeping = 1;         // vCPUs from 0 on that are never held
    LockObserver* observer = nullptr;  // that feeds the ledger; null: each call that is watched stops the guest
    bool follows_threads = true;       // on_work() tells of the agent's threads, too
};

// Not thread-safe; everything it is given must outlive it. All that is seen goes into the record. An error is a fault
// of the rig, the host or the user; all that the guest does is a fact for the record.
class Cast {
public:
    // `ledger` may be null: then no lock is seen, and no actor's task is told from another's by its locks.
    Cast(Machine& machine, Conductor& conductor, LockLedger* ledger, const SymbolTable& symbols, Timeline& timeline,
         CastSpec spec);
    Cast(const Cast&) = delete;
    Cast& operator=(const Cast&) = delete;

    [[nodiscard]] Record& record() { return record_; }
    [[nodiscard]] const Performance& performance() const { return record_.performance(); }
    [[nodiscard]] Roster& roster() { return roster_; }
    [[nodiscard]] Actions& actions() { return actions_; }
    [[nodiscard]] Parking& parking() { return parking_; }
    [[nodiscard]] StallDetector& stalls() { return stalls_; }
    [[nodiscard]] unsigned housekeeping() const { return spec_.housekeeping; }
    [[nodiscard]] LockObserver* observer() const { return spec_.observer; }
    // Readable when a thread has reported.
    [[nodiscard]] int descriptor() const { return context_.agent().descriptor(); }

    // Puts each thread on its vCPU, where it spins until it is rung. The guest stands still after. With a `trigger`,
    // all threads act at once, by that trigger instead of their own.
    Status arm(std::optional<WriterTrigger> trigger = {});
    // Watches the actors' entries, the locks and the kernel's crash path.
    Status watch();
    // Watches the crash path alone.
    Status watch_crashes();
    // Called for each lock event of an actor, after the record got it.
    [[nodiscard]] Subscription on_lock(std::function<void(const LockEvent&)> listener) {
        return lock_listeners_.add(std::move(listener));
    }

    // Called when an actor's task enters its entry (`begins`), and when it leaves that function again. The guest is
    // stopped then. A thread is followed only with CastSpec::follows_threads.
    using WorkListener = std::function<Status(const Actor&, const Arrival&, bool begins)>;
    [[nodiscard]] Subscription on_work(WorkListener listener) { return work_listeners_.add(std::move(listener)); }

    // Ends a round of a loop: collects the answers, and takes away what is left in QEMU. False if an actor's answer is
    // not the expected one, so that another round makes no sense.
    Result<bool> end_round();
    // Makes all actors ready to do the same again.
    Status begin_round();
    // The record gets what there is in QEMU and in the guest.
    Status leave_footprint(unsigned round);

    // The record gets what the memory is like on the way, at this step. The guest stands still after.
    Status check(std::size_t step);

    // After the last step: `seconds` is how long the steps took. Waits for the output of a crashed kernel; or takes all
    // watches away, lets a guest that finished go on, and looks at its memory.
    Status conclude(double seconds);

private:
    Status snapshot_after();
    Status watch_entries(const Actor& actor);
    Status watch_thread(const Actor& actor, const std::string& function);
    Result<Response> at_entry(const Actor& actor, const Arrival& arrival);
    // Watches the entries of the threads, where they are parked during a look at a cycle.
    Result<std::vector<Conductor::WatchId>> watch_retries();
    Result<Response> at_crash(const std::string& function, const Arrival& arrival);
    void at_lock(const LockEvent& event);
    Status tell_work(const Actor& actor, const Arrival& arrival, bool begins);
    Status leaves(const Actor& actor, const Arrival& entered, const Arrival& returned, std::uint64_t value);

    Conductor& conductor_;
    LockLedger* ledger_;
    const SymbolTable& symbols_;
    CastSpec spec_;
    Record record_;
    Roster roster_;
    PlayContext context_;
    Parking parking_;
    Writers writers_;
    Actions actions_;
    Answers answers_;
    StallDetector stalls_;
    Passages passages_;
    Subscription lock_events_;
    Listeners<void(const LockEvent&)> lock_listeners_;
    Listeners<Status(const Actor&, const Arrival&, bool)> work_listeners_;
};

}  // namespace memrig
