// Keeps the books of explore mode for one arm: the known orders of the actors, the orders that were played, and the
// journal on disk from which an interrupted run is resumed.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/journal.h"
#include "run/trial.h"

namespace memrig {

// An order to play, with the number of its trial.
struct NumberedOrder {
    unsigned number = 1;
    Interleaving order;
};

// Not thread-safe.
class Exploration {
public:
    // `identity` stands for all that the orders depend on (scenario, kernel, arm, points, bound). A journal with
    // another identity is refused.
    Exploration(std::filesystem::path journal, std::string identity, TrialOptions manner,
                std::vector<std::string> points);

    // Begins with the order without switches. With `resume`, reads the journal first: `played` has the trials that
    // were played then. A last line that was cut off is removed from the journal. Fails with Fault::user_input if the
    // journal has another identity or is damaged. Called once.
    struct Start {
        std::vector<NumberedOrder> to_play;
        std::vector<TrialResult> played;
    };
    Result<Start> start(bool resume);
    // Writes the outcome to the journal, and returns the orders that it shows for the first time.
    // REQUIRES: start() or played() returned the order of this trial.
    Result<std::vector<NumberedOrder>> played(const TrialOutcome& outcome);
    // Records that the remaining known orders are not played.
    void stop_at_first() { summary_.stopped_at_first = true; }
    [[nodiscard]] const ExploreSummary& summary() const { return summary_; }

private:
    std::vector<NumberedOrder> take_in(const Branches& branches, const std::vector<std::string>& missing_points);

    Journal journal_;
    std::string identity_;
    ExploreSummary summary_;
    std::set<std::string> known_;  // orders, as text
    unsigned last_number_ = 0;
};

}  // namespace memrig
