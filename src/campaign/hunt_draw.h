// Draws the cases of a hunt: fresh ones, and variations of those that passed what no case before had passed.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "campaign/hunt_case.h"

namespace memrig {

// The points that the actors of a race passed in their turns, in their order: "onliner device_online". Empty if the
// trial left no record of a race.
std::vector<std::string> passed_by(const std::filesystem::path& trial);

// Deterministic: the same seed and the same lessons give the same cases. Not thread-safe.
class HuntDraw {
public:
    HuntDraw(std::uint64_t seed, std::vector<std::string> benches) : seed_(seed), benches_(std::move(benches)) {}

    // The next draws are those of the batch behind so many cases, whatever was drawn before.
    void begin_batch(unsigned before);
    // A fresh case, or a variation of one that was learned.
    HuntCase next();
    HuntCase fresh();
    // `fresh`: how much the case passed that no case before had passed.
    void learn(const HuntCase& one, std::vector<std::string> passed, std::size_t fresh);

private:
    struct Lesson {
        HuntCase one;
        std::vector<std::string> passed;
    };
    HuntCase variation(const Lesson& lesson);
    // The points passed at which a priority is to drop: those at which it has dropped the least so far.
    std::vector<unsigned> rare_changes(const Lesson& lesson);
    std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

    std::uint64_t seed_;
    std::vector<std::string> benches_;
    std::mt19937_64 random_;
    std::vector<Lesson> lessons_;
    std::map<std::string, unsigned> changed_at_;  // by point
    unsigned usual_length_ = 40;
};

}  // namespace memrig
