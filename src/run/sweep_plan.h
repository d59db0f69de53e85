// The plan of a sweep on disk: plan.json, from which an interrupted sweep goes on.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "run/sweep.h"

namespace memrig {

// The call that fails, as plan.json and sweep.json have it.
nlohmann::ordered_json failure_json(const SweepCase& one);

// `sweep` has what the recording showed, and the cases, none of them played. `identity` stands for all
// that the cases depend on.
Status write_plan(const Sweep& sweep, const std::string& identity, const std::filesystem::path& directory);
// Reads it into `sweep`. False if there is no plan yet. Fault::user_input if it is damaged, or has another identity.
Result<bool> read_plan(const std::filesystem::path& directory, const std::string& identity, Sweep& sweep);

// Says whose plan or journal it is, if it is not this sweep's.
inline constexpr const char* kOtherSweep = "another scenario, kernel, memrig version or choice of calls";

}  // namespace memrig
