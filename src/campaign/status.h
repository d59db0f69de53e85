// How a campaign stands: for people, and for scripts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/text.h"
#include "campaign/store.h"

namespace memrig {

// All cells together. What is planned of a skipped one does not count.
struct CampaignSum {
    std::uint64_t planned = 0, done = 0, as_expected = 0, known = 0, running = 0, run_again = 0;
    std::size_t skipped = 0;  // cells
    [[nodiscard]] std::uint64_t unexpected() const { return done - as_expected - known; }
};
CampaignSum sum_of(const std::vector<CellProgress>& cells);

// Hosts are told of where there is another than QEMU of this one.
std::string campaign_status_text(const std::string& name, const std::vector<CellProgress>& cells,
                                 const std::vector<HostProgress>& hosts, const Paint& paint);
// Schema in docs/campaigns.md.
std::string campaign_status_json(const std::string& name, const std::vector<CellProgress>& cells,
                                 const std::vector<HostProgress>& hosts);
// 0 all results are as expected, 1 one is not, 3 one is a rig fault, 4 an arm that was not skipped has none, or all were skipped. What is
// planned beyond an arm's first trial and not run yet speaks neither way.
int campaign_exit_status(const std::vector<CellProgress>& cells);

}  // namespace memrig
