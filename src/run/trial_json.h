// Writes trials as JSON and reads them back: the recipe, from which a trial can be played again (trial.json), and the
// result (verdict.json). No reader trusts its input.
#pragma once

#include <nlohmann/json.hpp>

#include "run/trial.h"

namespace memrig {

// Returns JSON as one line of a journal. Bytes that are not UTF-8 are replaced.
std::string line_of(const nlohmann::json& json);

// Returns an order as a list of its switches. All files of a run have this form.
nlohmann::ordered_json order_json(const Interleaving& order);

// All that is needed to play a trial again.
struct TrialRecipe {
    std::string scenario, scenario_text, arm;
    std::string kernel, kernel_sha256, kernel_release;  // as given to --kernel
    std::string modules;  // the folder of its modules, if it was given by its path and has one
    std::string bench, accelerator;
    std::string emulator;  // as given to --emulator
    std::string qemu_version;
    unsigned number = 1;
    std::uint64_t seed = 0;
    std::map<std::string, std::string> attributes;
    TrialOptions manner;
    Interleaving order;
};
nlohmann::json recipe_json(const TrialSpec& spec);
// Reads trial.json. Fails with Fault::user_input if the file is missing, damaged or of another format.
Result<TrialRecipe> read_recipe(const std::filesystem::path& trial_directory);

nlohmann::json verdict_json(const TrialResult& result);
// Reads verdict.json. Fails with Fault::user_input if the file is missing or damaged.
Result<TrialResult> read_verdict(const std::filesystem::path& trial_directory);

// The JSON of one line of explore mode's journal.
nlohmann::json outcome_json(const TrialOutcome& outcome);
// Reads such a line. Fails with Fault::user_input and a message that names `where` if it is damaged.
Result<TrialOutcome> read_outcome(const std::string& text, const std::string& where);

}  // namespace memrig
