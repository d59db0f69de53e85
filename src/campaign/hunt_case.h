// The cases of a hunt: scenarios that are composed at random from a grammar, not written by hand.
//
// A case plugs a DIMM, may bring it online, and then races two to five actors that a grammar offers. It is a scenario
// file like any other, which `memrig run` plays.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "scenario/scenario.h"

namespace memrig {

// The way in which the actors of a case are scheduled.
enum class HuntStrategy {
    priorities,  // by random priorities, and by what earlier cases have shown
    delays,      // all at once, with random delays: a baseline
    nobody,      // all at once: a baseline
    loop         // all at once, and each thread does its work many times: a baseline, the shell loop of a tester
};
const char* to_string(HuntStrategy strategy);
std::optional<HuntStrategy> parse_hunt_strategy(const std::string& text);

// An actor of a case: a table of the scenario file.
struct HuntActor {
    std::string name;
    std::vector<std::pair<std::string, std::string>> keys;  // strings, in the order of the file
    bool operator==(const HuntActor&) const = default;
    [[nodiscard]] bool is_thread() const;
    // True if it adds, removes, onlines or offlines memory, or plugs a vCPU.
    [[nodiscard]] bool changes_machine() const;
    // Returns the racer on whose memory it acts; empty if it needs none.
    [[nodiscard]] std::string needs() const;
};

struct HuntCase {
    unsigned number = 0;  // from 1
    HuntStrategy strategy = HuntStrategy::priorities;
    std::uint64_t seed = 0;  // of the trial
    std::string bench;
    std::string size;                    // of the first DIMM
    std::optional<std::string> onlined;  // the value by which it is brought online before the race; nothing: it is not
    bool load = false;                   // the first DIMM's memory is in use, and is written to all the time
    std::vector<HuntActor> racers;
    unsigned depth = 3, length = 60;
    std::vector<unsigned> changes;         // instead of drawn ones: the points passed at which a priority drops
    std::optional<Interleaving> switches;  // instead of priorities
};

// Returns all actors that a hunt knows, for a case on that bench.
std::vector<HuntActor> hunt_actors(const std::string& bench);
// Returns the benches that a hunt knows.
std::vector<std::string> hunt_benches();

// Composes a case on one of the benches. The same state of `random` gives the same case.
// REQUIRES: each of them is one of hunt_benches().
HuntCase composed_case(const std::vector<std::string>& benches, std::mt19937_64& random);

// Returns the text of the table `arm.mutant` by which a case changes the kernel as that arm of the scenario does.
// Fault::user_input if the scenario has no such arm, or if the arm changes the scenario, too.
Result<std::string> hunted_arm(const Scenario& scenario, const std::string& arm);

// Returns the case as a scenario file. `arm` is the text of hunted_arm(); empty: the case has the arm `control` alone.
std::string scenario_text(const HuntCase& one, const std::string& arm);

nlohmann::json case_json(const HuntCase& one);
// Nothing if it is no case.
std::optional<HuntCase> case_of(const nlohmann::json& json);

}  // namespace memrig
