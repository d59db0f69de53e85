// A campaign as one HTML page that needs nothing else: no network, no scripts.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "nightly/store.h"

namespace memrig {

struct PageCampaign {
    std::filesystem::path directory;  // as the user gave it: it is named in commands to type
    CampaignRecord record;
};

// Below 5 MB whatever the campaigns hold; what is left out is said on the page. `before`: earlier campaigns in any order, for the trend
// and for what is new. Evidence is read from `now.directory`; what cannot be read is said on the page.
std::string campaign_page(const PageCampaign& now, std::vector<PageCampaign> before);

}  // namespace memrig
