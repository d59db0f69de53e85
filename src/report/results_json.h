// Writes a run's results as JSON. docs/results.md and docs/results.schema.json describe the format.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "run/results.h"

namespace memrig {

// The format's version. It is raised when a reader of the old format would misread the new one.
inline constexpr int kResultsSchema = 1;

nlohmann::ordered_json results_json(const RunResults& results);

// Makes the text of results.json: indented, valid UTF-8 whatever a guest printed, with a final newline.
std::string results_json_text(const RunResults& results);

}  // namespace memrig
