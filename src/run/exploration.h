// Explore mode's book-keeping, of one arm: which orders of the actors are known, which were played, and the journal on disk by which a
// run that was broken off goes on.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "run/trial.h"

namespace memrig {

// An order that is to be played, with its trial's number.
struct NumberedOrder {
    unsigned number = 1;
    Interleaving order;
};

// Not thread-safe.
class Exploration {
public:
    // `identity` is what the orders depend on (scenario, kernel, arm, points, bound): a journal of another one is refused.
    Exploration(std::filesystem::path journal, std::string identity, TrialOptions manner,
                std::vector<std::string> points);

    // Begins with the order without switches. Where `resume`, reads the journal first: what was played then is in `played`. A last line
    // that was cut off is taken out of it. Fault::user_input where it is of another identity, or damaged.
    struct Start {
        std::vector<NumberedOrder> to_play;
        std::vector<TrialResult> played;
    };
    Result<Start> start(bool resume);
    // Writes it to the journal, and returns the orders that it shows for the first time.
    // REQUIRES: start() or an earlier call has given the order.
    Result<std::vector<NumberedOrder>> played(const TrialOutcome& outcome);
    // Known orders are not played any more.
    void stop_at_first() { summary_.stopped_at_first = true; }
    [[nodiscard]] const ExploreSummary& summary() const { return summary_; }

private:
    std::vector<NumberedOrder> take_in(const Branches& branches, const std::vector<std::string>& missing_points);
    Status append(const std::string& line);

    std::filesystem::path journal_;
    std::string identity_;
    ExploreSummary summary_;
    std::set<std::string> known_;  // orders, as text
    unsigned last_number_ = 0;
};

}  // namespace memrig
