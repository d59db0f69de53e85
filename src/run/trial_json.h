// Trials as JSON: what a trial was made of (trial.json, by which it can be played again) and what it came to (verdict.json).
#pragma once

#include <nlohmann/json.hpp>

#include "run/trial.h"

namespace memrig {

// An order as every file of a run has it: a list of its switches.
nlohmann::ordered_json order_json(const Interleaving& order);

// What is needed to play a trial again.
struct TrialRecipe {
    std::string scenario, scenario_text, arm;
    std::string kernel, kernel_sha256, kernel_release;  // as given to --kernel
    std::string bench, accelerator;
    std::string emulator;  // as given to --emulator
    std::string qemu_version;
    unsigned number = 1;
    std::uint64_t seed = 0;
    std::map<std::string, std::string> attributes;
    TrialOptions manner;
    Interleaving order;
};
nlohmann::json recipe_json(const TrialSpec& order);
// Fault::user_input where the file is damaged or of another format; nothing in it is trusted.
Result<TrialRecipe> read_recipe(const std::filesystem::path& trial_directory);

nlohmann::json verdict_json(const TrialResult& result);
// Likewise.
Result<TrialResult> read_verdict(const std::filesystem::path& trial_directory);

// A line of explore mode's journal.
nlohmann::json outcome_json(const TrialOutcome& outcome);
// Fault::user_input, naming `where`.
Result<TrialOutcome> read_outcome(const std::string& text, const std::string& where);

}  // namespace memrig
