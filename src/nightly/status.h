// How a campaign stands: for people, and for scripts.
#pragma once

#include <string>
#include <vector>

#include "nightly/store.h"
#include "report/text.h"

namespace memrig {

std::string campaign_status_text(const std::string& name, const std::vector<CellProgress>& cells, const Paint& paint);
// Schema in docs/campaigns.md.
std::string campaign_status_json(const std::string& name, const std::vector<CellProgress>& cells);
// 0 all results are as expected, 1 one is not, 3 one is a rig fault, 4 an arm that was not skipped has none, or all were skipped. What is
// planned beyond an arm's first trial and not run yet speaks neither way.
int campaign_exit_status(const std::vector<CellProgress>& cells);

}  // namespace memrig
