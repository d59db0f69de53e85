// What a campaign has come to, in its directory's campaign.sqlite: a result counts from the moment it is committed there, and not before.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "campaign/database.h"
#include "campaign/plan.h"

namespace memrig {

// One trial of a cell (an index into Plan::cells).
struct CampaignTrial {
    std::size_t cell = 0;
    unsigned number = 0;  // from 1
    auto operator<=>(const CampaignTrial&) const = default;
};

// What a trial was played with, as its worker said. A campaign that was gone on with may have several; each is stored once.
struct Provenance {
    std::string memrig, qemu, accelerator;  // versions; "tcg" or "kvm"
    std::string release, sha256;            // the kernel's
    std::string bench;                      // also where the plan names none
    std::string mode;
    std::string expected;  // the arm's verdicts, "deadlock, oops"
    auto operator<=>(const Provenance&) const = default;
};

struct CampaignResult {
    CampaignTrial trial;
    std::string verdict;  // as to_string(Verdict), or "skipped"
    bool as_expected = false;
    std::string reason;
    std::string findings;  // JSON, as in results.json
    double seconds = 0;
    std::filesystem::path directory;  // its evidence, relative to the campaign's
    Provenance setting;
};

// How a cell stands.
struct CellProgress {
    PlanCell cell;
    std::map<std::string, unsigned> verdicts;
    unsigned done = 0, as_expected = 0, running = 0;
    unsigned known = 0;      // not as expected, for known findings alone: CampaignSummary fills it in (nightly/night.h)
    unsigned run_again = 0;  // attempts that came to nothing: a worker, a QEMU or the coordinator died
    double seconds = 0;      // of all its trials
    std::string skipped;     // why, where it was
};

// A result as it is in the database.
struct StoredResult : CampaignResult {
    unsigned attempts = 0;  // that were begun, this one included
    std::string ended;      // ISO 8601, UTC
};

// What a host has done for a campaign.
struct HostProgress {
    std::string name;
    unsigned done = 0, running = 0;
    unsigned lost = 0;  // attempts that ended with it
};

// All of a campaign, as of one moment.
struct CampaignRecord {
    std::string name, plan;  // plan: the file's text
    std::uint64_t seed = 0;
    std::string started,
        ended;  // ISO 8601, UTC: when it was begun, when the last result came; empty where nothing did yet
    std::vector<CellProgress> cells;    // by CampaignTrial::cell
    std::vector<StoredResult> results;  // by cell and number
    std::vector<HostProgress> hosts;    // by name; of an older memrig none
};

class CampaignStore {
public:
    // Makes the directory's database, or goes on with it. Fault::user_input where it is another plan's. What was going on when an
    // earlier coordinator died is noted as lost; nobody else may be writing.
    static Result<CampaignStore> open(const std::filesystem::path& directory, const Plan& plan);
    // From any process at any time. Fault::user_input where there is no campaign.
    static Result<CampaignStore> open_to_read(const std::filesystem::path& directory);

    // Notes that the trial is tried on a host; returns which attempt it is, from 1.
    Result<unsigned> begin(const CampaignTrial& trial, const std::string& host);
    // The attempt came to nothing, and why.
    Status attempt_failed(const CampaignTrial& trial, unsigned attempt, const std::string& why);
    // The attempt ended with its host, and counts for nothing.
    Status attempt_lost(const CampaignTrial& trial, unsigned attempt, const std::string& why);
    // The attempt's end and the result, both or neither. A trial's second result is an error, never a second row.
    Status finish(const CampaignResult& result, unsigned attempt);
    // All of the cell's trials that have no result.
    Status skip(std::size_t cell, const std::string& why);

    Result<std::vector<CampaignTrial>> finished();
    // How often it failed by itself, so that running it again has a bound. What the coordinator's own death cost does not count.
    Result<unsigned> failures(const CampaignTrial& trial);
    Result<std::vector<CellProgress>> progress();
    Result<std::string> name();
    // What an older memrig did not store (settings, when it was begun) is empty, `started` then the first result's time.
    Result<CampaignRecord> record();

private:
    explicit CampaignStore(Database database) : database_(std::move(database)) {}
    Status check_schema(const std::filesystem::path& file);
    Status migrate();
    Result<std::vector<CellProgress>> read_progress();
    Result<std::vector<StoredResult>> read_results();
    Result<std::vector<HostProgress>> read_hosts();
    Status end_attempt(const CampaignTrial& trial, unsigned attempt, const std::string& outcome);
    Result<std::int64_t> setting_id(const Provenance& setting);
    Status make(const Plan& plan, const std::filesystem::path& file);
    Status check_plan(const Plan& plan);
    Database database_;
    std::int64_t schema_ = 0;  // the file's
};

}  // namespace memrig
