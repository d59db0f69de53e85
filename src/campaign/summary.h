// Summarises one campaign by cell. Comparisons, histories and reports are made from this summary.
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
    unsigned trials = 0;             // how many have it
    unsigned first = 0;              // the number of the first of them
    std::filesystem::path evidence;  // the first trial's directory, relative to the campaign's
    KnownState state = KnownState::unknown;
    std::string known;    // KnownFinding::text(); empty if unknown
    int known_until = 0;  // the last day on which it is known, as 20261231
};

// The median of times, and their median absolute deviation, in seconds. A few slow trials change neither.
struct Times {
    std::size_t count = 0;
    double median = 0, deviation = 0;
};
Times times_of(std::vector<double> seconds);

struct CellSummary {
    CellProgress progress;
    std::string bench;   // the bench that played it; empty if it was not stored
    unsigned known = 0;  // trials that are unexpected only because of known findings
    // In a control arm: unexpected trials that convict the kernel and are not known.
    unsigned convictions = 0;
    std::string conviction;                       // the number, verdict and reason of the first of them
    Times seconds;                                // of its trials, without rig faults
    std::map<std::string, CellFinding> findings;  // those that accuse the kernel, by hash
    std::set<std::string> gaps;                   // what trials that held could not check on this kernel
    [[nodiscard]] bool is_control() const { return progress.cell.arm == "control"; }
    [[nodiscard]] unsigned good() const { return progress.as_expected + known; }
    [[nodiscard]] Interval rate() const { return wilson_interval(good(), progress.done); }
};

struct CampaignSummary {
    std::filesystem::path directory;
    std::string name, started, ended;
    std::set<std::string> versions, releases;  // versions of memrig, releases of the kernels
    std::vector<CellSummary> cells;            // in the order of the record
    std::vector<std::string> notes;            // known findings that were not seen, and expired ones that were
    std::vector<bool> known_results;           // by result of the record: unexpected only because of known findings
};

CampaignSummary summarise(const CampaignRecord& record, const std::filesystem::path& directory,
                          const std::vector<KnownFinding>& known, std::chrono::year_month_day on);

// Reads and summarises a campaign's directory, with the known findings of its own plan, or of the plan file `known_in`
// if that is not empty.
struct LoadedCampaign {
    CampaignRecord record;  // `known` of its cells is set
    CampaignSummary night;
};
Result<LoadedCampaign> load_campaign(const std::filesystem::path& directory,
                                     const std::filesystem::path& known_in = {});

// Returns the progress of the cells with `known` set, as campaign_exit_status() needs it.
std::vector<CellProgress> progress_of(const CampaignSummary& night);

// Prints "held 98, oops 2", or "none".
std::string counts_text(const std::map<std::string, unsigned>& verdicts);

}  // namespace memrig
