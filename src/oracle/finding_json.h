// Findings as JSON: the form in which results.json, verdict.json and a campaign's database have them.
#pragma once

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "oracle/verdict.h"

namespace memrig {

// The text may hold bytes that are no UTF-8: dump it with error_handler_t::replace.
nlohmann::ordered_json finding_json(const Finding& finding);

enum class Reading {
    strict,  // a field that is missing or has the wrong type is an error
    lenient  // such a field is left empty; only the verdict must be there
};
// Fault::user_input, never an exception. A finding without a key is whole: memrig 0.1.0 wrote none.
Result<Finding> read_finding(const nlohmann::json& json, Reading reading);

}  // namespace memrig
