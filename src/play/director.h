// The director: plays a schedule's steps.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "play/cast.h"
#include "play/held_waits.h"
#include "play/interleaver.h"
#include "play/random_delays.h"

namespace memrig {

// Plays once; all that it sees goes into the cast's record. Not thread-safe; everything it is given must outlive it.
class Director {
public:
    // `ledger` may be null if nothing is scheduled by who holds a lock: then no race is by priorities or by switches.
    // `seed` draws what a race leaves to chance.
    Director(Cast& cast, Conductor& conductor, const LockLedger* ledger, const SymbolTable& symbols,
             const Schedule& schedule, std::uint64_t seed)
        : cast_(cast),
          roster_(cast.roster()),
          record_(cast.record()),
          stalls_(cast.stalls()),
          conductor_(conductor),
          ledger_(ledger),
          symbols_(symbols),
          schedule_(schedule),
          seed_(seed),
          held_waits_(conductor, cast.roster(), symbols, cast.observer()) {}

    Status play();

private:
    struct ArmedHold {
        const Step* step;
        bool reached = false;
        unsigned moves = 0;   // parks so that it comes to another vCPU
        bool parked = false;  // it is kept by parks, and its vCPU is not held
    };

    Status set_watches();
    Status watch_hold(const Step& step);
    // Watches the function until end_watches() of the step.
    Status watch_for(const Step& step, const std::string& function, const Conductor::Handler& handler);
    // Nobody asks any more for the observations of the steps up to this one, unless an actor is still held. In a loop,
    // the next round does.
    Status end_watches(const Step& last);
    // For "entered" and "queued".
    Status watch_entry(const Step& step, const Observation& wanted);
    // Counts how often the actor comes to the function for nothing but a pinned page.
    Status watch_stalls(const Step& step, const Observation& wanted);
    Result<Response> at_hold(const Step& step, const Arrival& arrival);
    Status play_rounds();
    Result<bool> play_steps();                 // false: the performance is over
    Result<bool> play_step(const Step& step);  // false: the performance is over
    // Expired unless the step's observation was seen, and outlasted a dwell if it is momentary and under a hold.
    Result<RunEnd> await(const Step& step);
    // False if the play ends here: the record says why.
    Result<bool> finish(const Step& step);
    // False if the play ends here: not all actors of the race have finished.
    Result<bool> race(const Race& race);
    Result<PlayEnd> race_in_turns(const Race& race);
    Result<PlayEnd> race_at_once(const Race& race);
    Result<RunEnd> await_observation(const Step& step);
    // Runs until `shown`, the crash, or the moment from which on the step cannot come true. Expired unless `shown`.
    Result<RunEnd> run_until(const Step& step, const std::function<bool()>& shown);
    // Why the step cannot come true any more; "" if it can.
    [[nodiscard]] std::string in_vain(const Step& step);
    [[nodiscard]] std::string missed_refusal();
    // Why the step's actor cannot go on while a vCPU is held; "" if it can, as far as is known.
    [[nodiscard]] std::string wait_for_held(const Step& step) const;
    void arm_next_hold(const Step& done);
    [[nodiscard]] bool seen_since_hold(const Step& step) const;
    // True if the step asks for this observation, and it was made since the last hold began.
    [[nodiscard]] bool answers(const Step& step, const EvidenceRecord& record) const;
    Status release(const Step& step);
    // The hold of the step's actor. REQUIRES: arm_next_hold() has armed one.
    [[nodiscard]] ArmedHold& armed(const Step& step);
    [[nodiscard]] const Actor& actor_of(const Step& step) const { return schedule_.actor(step.actor); }

    Cast& cast_;
    Roster& roster_;
    Record& record_;
    StallDetector& stalls_;
    Conductor& conductor_;
    const LockLedger* ledger_;
    const SymbolTable& symbols_;
    const Schedule& schedule_;
    std::uint64_t seed_;
    std::unique_ptr<Interleaver> interleaver_;  // of the race, until the play's end: its watches stay
    std::unique_ptr<RandomDelays> delays_;
    HeldWaits held_waits_;
    std::map<std::string, ArmedHold> armed_;  // by actor
    std::map<const Step*, std::vector<Conductor::WatchId>> watches_;
    std::map<const Observation*, unsigned> stalls_of_;  // times running
};

// The actors run as they like, from the moment that the device appears; nobody is held.
Status play_freely(Cast& cast, Conductor& conductor, const Schedule& schedule);

}  // namespace memrig
