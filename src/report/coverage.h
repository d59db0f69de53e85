// Makes docs/coverage.md: the scenarios that validate and race each hotplug path.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "scenario/hotplug_path.h"
#include "scenario/scenario.h"

namespace memrig {

// The scenarios of one path, in the order of their names. Empty if none has been written yet.
struct PathCoverage {
    HotplugPath path;
    std::vector<Scenario> scenarios;
    // By architecture: the names of the scenarios that have a bench of it.
    std::map<std::string, std::set<std::string>> architectures = {};
};

// Reads all shipped scenarios into one row for each of kHotplugPaths, in that order. Fault::user_input if a scenario
// has a mistake or names no path.
Result<std::vector<PathCoverage>> read_coverage();

// Prints the whole of docs/coverage.md.
std::string coverage_markdown(const std::vector<PathCoverage>& paths);
std::string coverage_json(const std::vector<PathCoverage>& paths);

}  // namespace memrig
