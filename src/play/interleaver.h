// The interleaver: plays one order of the actors, and tells which other orders branch off it.
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

struct InterleaverSpec {
    const Schedule& schedule;
    std::vector<std::string> points;
    Interleaving order;
    unsigned preemptions = 2;  // no order with more of them is offered
};

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

    Status play();
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
    };

    Status set_watches();
    Result<Response> at_point(const std::string& point, const Arrival& arrival);
    Result<Response> at_device_shown(const Arrival& arrival);
    void at_lock(const LockEvent& event);
    Status play_out();
    Status force_switch();
    Status let(State& to);
    void offer(const State& from, const std::string& at, unsigned nth, bool forced);
    bool take(const State& from, const std::string& at, unsigned nth);
    [[nodiscard]] bool can_go_on(State& state);
    [[nodiscard]] std::string blocked_on(State& state);  // a lock that another actor holds; "" if there is none
    [[nodiscard]] bool turn_is_over();
    [[nodiscard]] State* next_who_can();
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
    Branches branches_;
    bool passed_a_point_ = false;
    std::vector<std::string> missing_;
};

}  // namespace memrig
