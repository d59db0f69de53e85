// The closing table of a run.
#pragma once

#include <filesystem>
#include <string>

#include "base/text.h"
#include "run/results.h"

namespace memrig {

// One line an arm; then what each choice came to, the trials that were not as expected with their reasons and where their evidence
// lies below `run_directory`, and a closing sentence.
std::string closing_table(const RunResults& results, const std::filesystem::path& run_directory, const Paint& paint);

}  // namespace memrig
