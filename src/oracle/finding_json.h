// Writes findings as JSON and reads them back: for results.json, verdict.json and a campaign's database.
#pragma once

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "oracle/verdict.h"

namespace memrig {

// The strings may hold bytes that are not UTF-8: base/json_text.h writes such JSON.
nlohmann::ordered_json finding_json(const Finding& finding);

enum class Reading {
    strict,  // a field that is missing or has the wrong type is an error
    lenient  // such a field is left empty; only the verdict is required
};
// Fails with Fault::user_input and never throws. A finding without a key is valid: memrig 0.1.0 wrote no keys.
Result<Finding> read_finding(const nlohmann::json& json, Reading reading);

}  // namespace memrig
