// What one campaign came to, by cell: what nights are compared by, and what reports are made of.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/statistics.h"
#include "campaign/fingerprint.h"
#include "campaign/known.h"
#include "campaign/store.h"

namespace memrig {

enum class KnownState { unknown, known, expired };

// One fingerprint in one cell.
struct CellFinding {
    Fingerprint fingerprint;
    unsigned trials = 0;             // that it was found in
    unsigned first = 0;              // the first of them
    std::filesystem::path evidence;  // its directory, relative to the campaign's
    KnownState state = KnownState::unknown;
    std::string known;  // KnownFinding::text(), unless unknown
};

// The middle, and how far from it half of them lie (the median absolute deviation): a few slow ones change neither.
struct Times {
    std::size_t count = 0;
    double median = 0, deviation = 0;
};
Times times_of(std::vector<double> seconds);

struct CellSummary {
    CellProgress progress;
    std::string bench;   // that it was played on; empty where nobody noted it
    unsigned known = 0;  // trials that are not as expected for known findings alone
    unsigned convictions =
        0;  // of a control arm: trials that convict the kernel against what is expected, and are not known
    std::string conviction;                       // what the first of them says
    Times seconds;                                // of a trial; without rig faults
    std::map<std::string, CellFinding> findings;  // that accuse, by hash
    [[nodiscard]] bool is_control() const { return progress.cell.arm == "control"; }
    [[nodiscard]] unsigned good() const { return progress.as_expected + known; }
    [[nodiscard]] Interval rate() const { return wilson_interval(good(), progress.done); }
};

struct CampaignSummary {
    std::filesystem::path directory;
    std::string name, started, ended;
    std::set<std::string> versions, releases;  // of memrig, of the kernels
    std::vector<CellSummary> cells;            // as in the record
    std::vector<std::string> notes;            // known findings that were not seen, and expired ones that were
    std::vector<bool> known_results;           // by result of the record: not as expected, for known findings alone
};

CampaignSummary summarise(const CampaignRecord& record, const std::filesystem::path& directory,
                          const std::vector<KnownFinding>& known, std::chrono::year_month_day on);

// A campaign's directory, with the known findings of its own plan or, where there is one, of the plan file `known_in`.
struct LoadedCampaign {
    CampaignRecord record;  // its cells' `known` is filled in
    CampaignSummary night;
};
Result<LoadedCampaign> load_campaign(const std::filesystem::path& directory,
                                     const std::filesystem::path& known_in = {});

// The progress of its cells with `known` filled in, as campaign_exit_status() wants it.
std::vector<CellProgress> progress_of(const CampaignSummary& night);

// "held 98, oops 2"; "none".
std::string counts_text(const std::map<std::string, unsigned>& verdicts);

}  // namespace memrig
