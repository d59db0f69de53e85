// A schedule as data: who acts, and the ordered steps that place them; or, in explore mode, who goes on where.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "schedule/actor.h"

namespace memrig {

enum class Mode {
    directed,  // by the schedule's steps
    free,      // the actors run as they like
    explore    // every order of the actors at the scenario's points, within a bound
};
const char* to_string(Mode mode);

// Something that the probe must see of an actor.
struct Observation {
    enum class Kind {
        refused,  // a trylock of `subject` (a lock) failed
        entered,  // it entered `subject` (a function)
        queued,   // after it was started, somebody entered `subject`: the function that queues its work
        blocked,  // it waits for `subject` (a lock; "device_lock" is any memory block's)
        asleep,   // the guest itself says that it sleeps in the call by which it asks for `subject` (a lock)
        // It entered `subject` (a function), whose first argument is a page frame, again and again for a pinned page.
        stalled
    };
    Kind kind = Kind::refused;
    std::string subject;
    [[nodiscard]] std::string text() const;  // "refused device_hotplug_lock"
};

// An actor that comes to the function so many times running is stalled.
inline constexpr unsigned kStalls = 3;

// "refused LOCK", "entered FUNCTION", "queued FUNCTION", "blocked LOCK", "asleep LOCK" or "stalled FUNCTION".
std::optional<Observation> parse_evidence(const std::string& text);

enum class StepKind {
    start,    // the actor begins
    hold,     // waits until the actor comes to `at`, and holds it there
    await,    // waits until any of `any` is seen of the actor
    release,  // lets the held actor go, or has a pinner let its page go
    finish,   // waits until the actor has finished
    check,    // looks at the memory: it has to be as the actors so far leave it
    race,     // starts several actors at the same time, and waits until all of them have finished
    settle    // waits until every actor has finished
};

// In explore mode and in a race: when `actor` comes to `at` for the nth time, `to` goes on in its place. `at` is a
// function; or "finished", "waits" or "blocked LOCK", where `actor` cannot go on anyway, and the switch is no
// preemption.
struct Switch {
    std::string actor;
    std::string at;
    unsigned nth = 1;
    std::string to;
    bool forced = false;
    [[nodiscard]] std::string text() const;  // "at adder's 1st bus_probe_device: onliner goes on"
    bool operator==(const Switch&) const = default;
};
// One order of the actors: the switches that differ from letting each go on as far as it can, in their order.
using Interleaving = std::vector<Switch>;

// The way to decide which actor of a race goes on.
enum class RaceBy {
    priorities,  // one at a time, by random priorities (PCT, Burckhardt et al. 2010)
    switches,    // one at a time, by a list of switches
    delays,      // all at once; each sleeps for a random time at some of the points
    nobody       // all at once
};
const char* to_string(RaceBy by);

struct Race {
    std::vector<std::string> actors;  // by switches: the first one that can goes on, where no switch says otherwise
    RaceBy by = RaceBy::priorities;
    std::vector<std::string> points;  // the functions at whose entries an actor can be stopped; empty: the default ones
    // By priorities: the actor with the highest priority that can goes on. `depth` - 1 times, an actor that comes to a
    // point gets the lowest priority. The trial's seed draws these points from the first `length`, and the priorities.
    unsigned depth = 3, length = 60;
    std::vector<unsigned> changes;      // these points instead, from 1; empty: drawn
    std::optional<std::uint64_t> seed;  // instead of the trial's
    Interleaving switches;
};

struct Step {
    StepKind kind = StepKind::settle;
    std::string actor;             // none for check, race and settle
    std::string at;                // hold: a kernel function
    bool memory_block = false;     // hold: only where its first argument is a memory block's device
    std::vector<Observation> any;  // await
    // hold: the task is put to sleep there, again and again, and its vCPU goes on. RCU stands still while a vCPU is
    // held, and so does a task that waits for RCU before it waits for the actor.
    bool parked = false;
    std::optional<Race> race = {};
    [[nodiscard]] std::string text() const;
    // True if the step starts this actor.
    [[nodiscard]] bool starts(const std::string& name) const;
    // The actors that the step starts, in their order.
    [[nodiscard]] std::vector<std::string> started() const;
    [[nodiscard]] bool asks_for(Observation::Kind wanted) const {
        return std::ranges::find(any, wanted, &Observation::kind) != any.end();
    }
};

// The number of preemptions in the order.
unsigned preemptions(const Interleaving& order);
// "at adder's 1st bus_probe_device: onliner goes on; ..."; "each as far as it can" for the order without switches. Two
// orders that differ have two texts.
std::string text_of(const Interleaving& order);

// A task that takes `second`, but not as a reader, holds `first` by then.
struct LockOrderClaim {
    std::string first, second;
};
// "FIRST before SECOND".
std::optional<LockOrderClaim> parse_lock_order(const std::string& text);

// Into how many stretches a loop is cut behind its warm-up: what is leaked grows in each of them.
inline constexpr unsigned kStretches = 3;
// A counter that grew in each stretch is suspected, and has to grow in as many further stretches as this, of as many
// rounds each. docs/verdicts.md (accounting) states how probable a false conviction is.
inline constexpr unsigned kFurtherStretches = 6;
inline constexpr unsigned kFurtherRounds = 3;

struct Schedule {
    std::vector<Actor> actors;
    std::vector<Step> steps;
    std::vector<LockOrderClaim> lock_order;
    std::vector<std::string> rests_on = {};  // rules ("R10") that the scenario is about, whatever its actors do
    // The number of times that the steps are played. More than one is a loop: the guest's state after some rounds is
    // compared.
    unsigned rounds = 1;
    unsigned warm_up = 0;

    [[nodiscard]] const Actor* find(const std::string& name) const;
    // REQUIRES: the schedule has an actor of that name.
    [[nodiscard]] const Actor& actor(const std::string& name) const;
    [[nodiscard]] bool is_loop() const { return rounds > 1; }
    // The rounds after which a loop is looked at: the last round of the warm-up, and the last of each stretch. The
    // stretches are as equal as can be.
    [[nodiscard]] std::vector<unsigned> looks() const;
    // The number of looks of a loop in which a counter is suspected to the end.
    [[nodiscard]] std::size_t most_looks() const { return looks().size() + (is_loop() ? kFurtherStretches : 0); }
    // True if an actor has to show something under a hold.
    [[nodiscard]] bool awaits() const { return std::ranges::find(steps, StepKind::await, &Step::kind) != steps.end(); }
    // The number of looks at the memory on the way, without the one at the end.
    [[nodiscard]] std::size_t checks() const {
        return static_cast<std::size_t>(std::ranges::count(steps, StepKind::check, &Step::kind));
    }
    // The race of the schedule, or null. There is at most one.
    [[nodiscard]] const Race* race() const;
    // True if it only says which actors race. Then they can also be left to themselves, or be tried in every order.
    [[nodiscard]] bool makes_sense_in_any_order() const;
};

}  // namespace memrig
