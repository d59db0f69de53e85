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
// A status of base/exit_status.h. It is kExitNothingRun also if one arm that was not skipped has no result, or all were
// skipped. Planned trials beyond an arm's first that were not run yet do not count.
int campaign_exit_status(const std::vector<CellProgress>& cells);

}  // namespace memrig
