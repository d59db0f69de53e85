// Prints the progress of a campaign, as text for people and as JSON for scripts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/table.h"
#include "base/text.h"
#include "campaign/store.h"

namespace memrig {

// The sums over all cells. The planned trials of a cell that is left out do not count.
struct CampaignSum {
    std::uint64_t planned = 0, done = 0, as_expected = 0, known = 0, running = 0, run_again = 0;
    std::size_t skipped = 0, not_set_up = 0;  // cells
    [[nodiscard]] std::uint64_t unexpected() const { return done - as_expected - known; }
};
CampaignSum sum_of(const std::vector<CellProgress>& cells);

// Lists the hosts only if one of them is not this host's own QEMU. The table of the arms folds to `width` columns.
std::string campaign_status_text(const std::string& name, const std::vector<CellProgress>& cells,
                                 const std::vector<HostProgress>& hosts, const Paint& paint,
                                 std::size_t width = kUnfolded);
// The schema is in docs/campaigns.md.
std::string campaign_status_json(const std::string& name, const std::vector<CellProgress>& cells,
                                 const std::vector<HostProgress>& hosts);
// Returns a status of base/exit_status.h. It is kExitNothingRun also if one arm that was not skipped has no result, or
// if all arms were skipped. Once an arm has a result, its planned trials that are still missing do not matter.
int campaign_exit_status(const std::vector<CellProgress>& cells);

}  // namespace memrig
