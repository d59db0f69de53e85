// The director: plays a schedule on a restored machine and writes down what was seen.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "machine/machine.h"
#include "probe/conductor.h"
#include "probe/lock_ledger.h"
#include "probe/symbols.h"
#include "schedule/performance.h"
#include "schedule/timeline.h"

namespace memrig {

// What the guest's memory looks like before anything is watched: greets the agent of a machine just restored.
Result<MemorySnapshot> look_before(Machine& machine, Conductor& conductor);

struct DirectorOrder {
    MemorySnapshot before;
    const Schedule& schedule;
    std::map<std::string, std::string> attributes;  // by onliner: the one chosen of its attributes
    std::uint64_t block_bytes = 0;
    unsigned housekeeping = 1;  // vCPUs from 0 on that are never held
};

// Plays once. Not thread-safe; everything it is given must outlive it.
class Director {
public:
    Director(Machine& machine, Conductor& conductor, LockLedger& ledger, const SymbolTable& symbols, Timeline& timeline,
             DirectorOrder order);

    // An error is a fault of the rig, the host or the user; all that the guest does is part of the Performance.
    Result<Performance> play();

private:
    struct ArmedHold {
        const Step* step;
        bool reached = false;
    };

    Status set_watches();
    Status watch_function(const std::string& function, Conductor::Handler handler);
    Result<Response> at_entry(const Actor& actor, const Arrival& arrival);
    Result<Response> at_hold(const Step& step, const Arrival& arrival);
    Result<Response> at_evidence(const Actor& actor, const Evidence& evidence, const Arrival& arrival);
    Result<Response> at_crash(const std::string& function, const Arrival& arrival);
    void at_lock(const LockEvent& event);
    void note_evidence(const std::string& actor, const Evidence& evidence, unsigned vcpu, const std::string& where);

    Status play_steps();
    Result<bool> play_step(const Step& step);  // false: the performance is over
    Status start(const Actor& actor);
    Status arm_onliners();
    Status ring(const Actor& actor);
    Result<bool> settle();
    Result<bool> look_at_stuck();
    Status see_crash_out();
    Status take_after();
    void arm_next_hold(const Step& done);
    void collect_writes();
    [[nodiscard]] bool all_finished();
    [[nodiscard]] bool seen_since_hold(const Step& step) const;
    [[nodiscard]] std::string actor_of(std::uint64_t task) const;
    Machine& machine_;
    Conductor& conductor_;
    LockLedger& ledger_;
    const SymbolTable& symbols_;
    Timeline& timeline_;
    DirectorOrder order_;
    Performance seen_;
    std::map<std::string, ArmedHold> armed_;  // by actor
    struct ArmedOnliner {
        unsigned vcpu;
        Doorbell doorbell;
    };
    std::map<std::string, ArmedOnliner> onliners_;  // by actor
    std::set<std::string> finished_pluggers_;
    std::size_t writes_taken_ = 0;
};

}  // namespace memrig
