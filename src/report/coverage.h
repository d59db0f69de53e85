// Which hotplug path is validated and raced by which scenarios: docs/coverage.md.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "scenario/hotplug_path.h"
#include "scenario/scenario.h"

namespace memrig {

// One path's scenarios, by name; none where nobody has written one yet.
struct PathCoverage {
    HotplugPath path;
    std::vector<Scenario> scenarios;
    std::map<std::string, std::set<std::string>> architectures = {};  // of the benches that they are for: which of them
};

// A row for each of kHotplugPaths, in that order, of all shipped scenarios. Fault::user_input for one that is not good, or names no path.
Result<std::vector<PathCoverage>> read_coverage();

// The whole of docs/coverage.md.
std::string coverage_markdown(const std::vector<PathCoverage>& paths);
std::string coverage_json(const std::vector<PathCoverage>& paths);

}  // namespace memrig
