// Makes a campaign's HTML page, which needs no other file, no network and no scripts.
#pragma once

#include <string>
#include <vector>

#include "campaign/summary.h"

namespace memrig {

// The page is smaller than 5 MB whatever the campaigns hold; it mentions the parts that are left out. `before` holds
// earlier campaigns in any order, for the trend and to tell which findings are new. Evidence is read below
// `now.night.directory`, which the page also names in commands; it mentions evidence that cannot be read.
std::string campaign_page(const LoadedCampaign& now, std::vector<LoadedCampaign> before);

}  // namespace memrig
