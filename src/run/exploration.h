// Keeps the books of explore mode for one arm: the known orders of the actors, the orders that were played, and the
// journal on disk from which an interrupted run is resumed.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/journal.h"
#include "run/portion.h"
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
    // were played then. A last line that was cut off is removed from the journal. An order that ended in a rig fault is
    // to be played again, unless `keeps_rig_faults`. Fails with Fault::user_input if the journal has another identity
    // or is damaged. Called once.
    struct Start {
        std::vector<NumberedOrder> to_play;
        std::vector<TrialResult> played;
    };
    Result<Start> start(bool resume, bool keeps_rig_faults = false);
    // Writes the outcome to the journal, and returns the orders that it shows for the first time.
    // REQUIRES: start() or played() returned the order of this trial.
    Result<std::vector<NumberedOrder>> played(const TrialOutcome& outcome);
    // Returns how many known orders have one switch. Each other order branches off from one of them, apart from the
    // order without switches: so they split an exploration into parts that do not depend on each other.
    [[nodiscard]] std::size_t subtrees() const { return subtrees_.size(); }
    // Leaves only the orders that branch off from the subtrees in `own`, by their numbers from 0, and the order without
    // switches. The other orders are not known any more, but their numbers are not given again. Called once, after
    // start().
    void restrict_to(UnitRange own);
    // Returns whether the order is one of those that are left.
    [[nodiscard]] bool is_own(const Interleaving& order) const;
    // Records that the remaining known orders are not played.
    void stop_at_first() { summary_.stopped_at_first = true; }
    [[nodiscard]] const ExploreSummary& summary() const { return summary_; }

private:
    std::vector<NumberedOrder> take_in(const Branches& branches, const std::vector<std::string>& missing_points);

    Journal journal_;
    std::string identity_;
    ExploreSummary summary_;
    std::set<std::string> known_;               // orders, as text
    std::vector<std::string> subtrees_;         // the known orders with one switch, as text
    std::optional<std::set<std::string>> own_;  // those that are left, if it was restricted
    unsigned last_number_ = 0;
};

}  // namespace memrig
