// A run's results as JSON. The format is described in docs/results.md and docs/results.schema.json.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "run/results.h"

namespace memrig {

// Raised when a reader of the old format would misread the new one.
inline constexpr int kResultsSchema = 1;

nlohmann::ordered_json results_json(const RunResults& results);

// The same as the text of results.json: indented, valid UTF-8 whatever a guest printed, ended by a newline.
std::string results_json_text(const RunResults& results);

}  // namespace memrig
