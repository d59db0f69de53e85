// The interleaver: plays one order of the actors, and tells which other orders branch off it. Or it draws an order by
// random priorities.
//
// One actor goes on at a time. Any other is parked at the entry of a function until it is its turn. Its vCPU goes on,
// so no timer, no RCU grace period and no other task waits for it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "play/cast.h"

namespace memrig {

// The functions at whose entries actors can be parked, where the scenario and the user name none: the lock takers of
// memory hotplug and the steps in between. All of them may sleep: they lead to lock functions that do.
const std::vector<std::string>& default_points();

// Random priorities by PCT (Burckhardt, Kothari, Musuvathi, Nagarakatte: A Randomized Scheduler with Probabilistic
// Guarantees of Finding Bugs, 2010). With n actors that pass k points, a trial comes to a bug of depth d with a
// probability of at least 1/(n k^(d-1)), if the points divide the actors' work as finely as the bug needs.
struct Priorities {
    std::uint64_t seed = 0;
    unsigned depth = 3;                  // d: one more than the changes of priority
    unsigned length = 60;                // k, estimated
    std::vector<unsigned> changes = {};  // the points passed, from 1, at which a priority drops; empty: drawn
};

struct InterleaverSpec {
    const Schedule& schedule;
    // Those that take turns. Without priorities, the first one begins, and the first one that can goes on where a
    // switch is forced.
    std::vector<std::string> actors;
    std::vector<std::string> points;
    Interleaving order;
    unsigned preemptions = 2;  // no order with more of them is offered
    // Instead of `order`.
    std::optional<Priorities> priorities = {};
    // True if an actor that runs on, comes to no point and takes no lock may wait for something that the ledger does
    // not show, such as another actor's reference. Then another actor goes on.
    bool waits_unseen = false;
};

// The actors of explore mode, in the order in which they take turns.
std::vector<std::string> actors_to_explore(const Schedule& schedule);

// The other orders that playing one order showed.
struct Branches {
    std::vector<Interleaving> orders;  // each begins as the one played, and has one switch more
    std::size_t infeasible = 0;        // switches to an actor that is blocked, or has nothing to do yet
    std::size_t points_passed = 0;     // how often an actor came to a point
};

// Plays once. Not thread-safe; everything it is given must outlive it.
class Interleaver {
public:
    // `ledger` tells who is blocked.
    Interleaver(Cast& cast, Conductor& conductor, const LockLedger& ledger, const SymbolTable& symbols,
                InterleaverSpec spec);

    // Arms the cast, plays, and concludes.
    Status play();
    // Plays in a cast that is armed and watches already, until each actor has finished. The watches stay, and pass.
    Result<PlayEnd> run();
    // The switches that came to pass, in run().
    [[nodiscard]] RaceRecord race() const {
        return {taken_, branches_.points_passed, passed_, complete(), missing_, passed_a_point_};
    }
    [[nodiscard]] const Branches& branches() const { return branches_; }
    // True if every switch of the order came to pass. If not, an actor went another way, and the order proves nothing.
    [[nodiscard]] bool complete() const { return next_ == spec_.order.size(); }
    // True if an actor came to one of the points, entries of actors apart, and it was its turn.
    [[nodiscard]] bool passed_a_point() const { return passed_a_point_; }
    // Points that this kernel has no function for.
    [[nodiscard]] const std::vector<std::string>& missing_points() const { return missing_; }

private:
    struct State {
        const Actor* actor;
        bool started = false;
        std::map<std::string, unsigned> arrivals;  // by point
        std::set<std::string> refused;             // locks that it tried in vain, until it is its turn again
        int priority = 0;                          // the highest one goes on
        bool waits = false;                        // it showed no progress in its turn, and none since
        bool at_point = false;                     // it is parked at a point
    };

    Status set_watches();
    Result<Response> at_point(const std::string& point, const Arrival& arrival);
    Result<Response> at_device_shown(const Arrival& arrival);
    void at_lock(const LockEvent& event);
    Result<PlayEnd> play_out();
    void draw_priorities();
    // True if an actor with a higher priority goes on instead.
    bool outranked(State& from, const std::string& at, unsigned nth);
    void note_switch(const Switch& taken);
    [[nodiscard]] bool has_blocks_left(const State& state);
    // ACPI does one piece of work after the other: another's comes first.
    [[nodiscard]] bool is_queued(const State& state);
    [[nodiscard]] bool all_finished();
    // True if the actor's task is on no vCPU. The guest stands still after.
    Result<bool> sleeps(const State& state);
    Status force_switch();
    Status let(State& to);
    void offer(const State& from, const std::string& at, unsigned nth, bool forced);
    bool take(const State& from, const std::string& at, unsigned nth);
    [[nodiscard]] bool can_go_on(State& state);
    [[nodiscard]] std::string blocked_on(State& state);  // a lock that another actor holds; "" if there is none
    [[nodiscard]] bool turn_is_over();
    [[nodiscard]] State* next_who_can();
    // An actor that was refused a lock, and tries again if it goes on; null if there is none.
    [[nodiscard]] State* next_to_try_again();
    [[nodiscard]] State* find(const std::string& actor);

    Cast& cast_;
    Roster& roster_;
    Record& record_;
    Conductor& conductor_;
    const LockLedger& ledger_;
    const SymbolTable& symbols_;
    InterleaverSpec spec_;
    std::vector<State> states_;
    State* current_ = nullptr;
    State* to_start_ = nullptr;  // the switch that was just taken leads to it, and it has to be started
    std::set<std::uint64_t> shown_blocks_;
    bool stalled_ = false;  // no actor can go on: what they wait for comes by itself, or never
    std::size_t next_ = 0;  // into spec_.order
    bool over_ = false;
    std::set<std::size_t> changes_;  // by priorities: the points passed at which a priority drops
    int lowest_ = 0;
    std::size_t locks_seen_ = 0;
    std::size_t progress_ = 0;  // locks taken, and points passed by actors that were not just refused a lock
    Interleaving taken_;
    std::vector<std::string> passed_;
    Branches branches_;
    bool passed_a_point_ = false;
    std::vector<std::string> missing_;
};

}  // namespace memrig
