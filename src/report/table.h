// Prints the closing table of a run.
#pragma once

#include <filesystem>
#include <string>

#include "base/table.h"
#include "base/text.h"
#include "run/results.h"

namespace memrig {

// The table has one line for each arm. After it come the verdicts of each choice, the unexpected trials with their
// reasons and the places of their evidence below `run_directory`, a closing sentence, and the command that explains the
// first unexpected trial.
// The tables fold to `width` columns.
std::string closing_table(const RunResults& results, const std::filesystem::path& run_directory, const Paint& paint,
                          std::size_t width = kUnfolded);

}  // namespace memrig
