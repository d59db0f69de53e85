// The director: plays a schedule's steps, and puts down in the cast what was seen.
#pragma once

#include <map>
#include <string>

#include "play/cast.h"

namespace memrig {

// Plays once. Not thread-safe; everything it is given must outlive it.
class Director {
public:
    Director(Cast& cast, Conductor& conductor, const SymbolTable& symbols, Timeline& timeline, const Schedule& schedule,
             unsigned housekeeping)
        : cast_(cast),
          conductor_(conductor),
          symbols_(symbols),
          timeline_(timeline),
          schedule_(schedule),
          housekeeping_(housekeeping) {}

    Status play();

private:
    struct ArmedHold {
        const Step* step;
        bool reached = false;
        unsigned parks = 0;   // taken so that it comes to another vCPU
        bool parked = false;  // held by parks alone, as its vCPU must not be
    };

    Status set_watches();
    Result<Response> at_hold(const Step& step, const Arrival& arrival);
    Status play_rounds();
    Result<bool> play_steps();                 // false: the performance is over
    Result<bool> play_step(const Step& step);  // false: the performance is over
    void arm_next_hold(const Step& done);
    [[nodiscard]] bool seen_since_hold(const Step& step) const;
    // Counts how often the actor comes to it for nothing but a pinned page.
    Status watch_stalls(const Step& step, const Observation& evidence);
    Status release(const Step& step);

    Cast& cast_;
    Conductor& conductor_;
    const SymbolTable& symbols_;
    Timeline& timeline_;
    const Schedule& schedule_;
    unsigned housekeeping_;
    std::map<std::string, ArmedHold> armed_;         // by actor
    std::map<const Observation*, unsigned> stalls_;  // times running
};

// The actors run as they like, from the moment that the device appears; nobody is held.
Status play_freely(Cast& cast, Conductor& conductor, Timeline& timeline, const Schedule& schedule);

}  // namespace memrig
