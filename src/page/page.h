// A campaign as one HTML page that needs nothing else: no network, no scripts.
#pragma once

#include <string>
#include <vector>

#include "campaign/summary.h"

namespace memrig {

// Below 5 MB whatever the campaigns hold; what is left out is said on the page. `before`: earlier campaigns in any order, for the trend
// and for what is new. Observation is read below `now.night.directory`, which is named in commands to type, too; what cannot be read is said on the page.
std::string campaign_page(const LoadedCampaign& now, std::vector<LoadedCampaign> before);

}  // namespace memrig
