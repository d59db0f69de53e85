// Stores the results of a campaign in campaign.sqlite in its directory. A result counts once it is committed there.
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
#include "campaign/shard.h"

namespace memrig {

// One trial of a cell (an index into Plan::cells).
struct CampaignTrial {
    std::size_t cell = 0;
    unsigned number = 0;  // from 1
    auto operator<=>(const CampaignTrial&) const = default;
};

// The setup that played a trial, as its worker reported it. A resumed campaign may have several; each is stored once.
struct Provenance {
    std::string memrig, qemu, accelerator;  // versions; "tcg" or "kvm"
    std::string release, sha256;            // the kernel's
    std::string bench;                      // also if the plan names none
    std::string mode;
    std::string expected;  // the arm's verdicts, "deadlock, oops"
    auto operator<=>(const Provenance&) const = default;
};

struct CampaignResult {
    CampaignTrial trial;
    std::string verdict;  // as to_string(Verdict), or "skipped"
    bool as_expected = false;
    std::string reason;
    std::string findings;     // JSON, as in results.json
    std::string checks = {};  // likewise; empty if an older memrig did not store them
    double seconds = 0;
    std::filesystem::path directory;  // the evidence, relative to the campaign's directory
    Provenance setting;
};

// The progress of one cell.
struct CellProgress {
    PlanCell cell;
    std::map<std::string, unsigned> verdicts;
    unsigned done = 0, as_expected = 0, running = 0;
    unsigned known = 0;      // unexpected only because of known findings; summarise() sets it (campaign/summary.h)
    unsigned run_again = 0;  // attempts without a result: a worker, a QEMU or the coordinator died
    double seconds = 0;      // the sum over its trials
    std::string skipped;     // the reason, if the cell was skipped
    std::string not_set_up;  // the reason, if the kernel did not boot, or did not let the bench be prepared
    // True if the cell has no results, and is not to have any.
    [[nodiscard]] bool is_left_out() const { return !skipped.empty() || !not_set_up.empty(); }
    // "SKIP: REASON", "NOT SET UP: REASON"; empty for a cell that is not left out.
    [[nodiscard]] std::string left_out_text() const;
};

// A result as the database has it.
struct StoredResult : CampaignResult {
    unsigned attempts = 0;              // how many were begun, including this one
    std::optional<std::uint64_t> seed;  // the trial's, if it does not follow from the campaign's
    std::string ended;                  // ISO 8601, UTC
};

// An attempt at a trial that has ended, as the database has it.
struct StoredAttempt {
    CampaignTrial trial;
    unsigned attempt = 0;
    std::string outcome, host;
};

// The trials of a campaign on one host.
struct HostProgress {
    std::string name;
    unsigned done = 0, running = 0;
    unsigned lost = 0;  // attempts that ended because the host was lost
};

// All data of a campaign, read in one transaction.
struct CampaignRecord {
    std::string name, plan;  // plan: the file's text
    std::uint64_t seed = 0;
    // The times of the start and of the last result, ISO 8601, UTC. Empty if there is none yet.
    std::string started, ended;
    std::optional<ShardIdentity> shard;  // set if this is one shard of a campaign
    std::vector<CellProgress> cells;     // by CampaignTrial::cell
    std::vector<StoredResult> results;   // by cell and number
    std::vector<HostProgress> hosts;     // by name; empty for a campaign of an older memrig
};

// The database of one campaign. Not thread-safe. Errors are those of Database.
class CampaignStore {
public:
    // Opens the directory's database for writing, and creates it if it does not exist. Fault::user_input if it is that
    // of another plan, of another shard, or of a shard that another memrig began. Attempts that were under way when an
    // earlier coordinator died are marked as lost. With `shard`, `plan` is the shard's part.
    // REQUIRES: no other process writes to it.
    static Result<CampaignStore> open(const std::filesystem::path& directory, const Plan& plan,
                                      const std::optional<ShardIdentity>& shard = {});
    // Opens the database for reading; any process may do so at any time. Fault::user_input if there is no campaign.
    static Result<CampaignStore> open_to_read(const std::filesystem::path& directory);

    // Stores the start of an attempt on a host. Returns the attempt's number, from 1.
    Result<unsigned> begin(const CampaignTrial& trial, const std::string& host);
    // Stores that the attempt failed, and why.
    Status attempt_failed(const CampaignTrial& trial, unsigned attempt, const std::string& why);
    // Stores that the attempt ended because its host was lost. It does not count as a failure.
    Status attempt_lost(const CampaignTrial& trial, unsigned attempt, const std::string& why);
    // Stores the attempt's end and the result in one transaction. A second result of a trial is an error, never a
    // second row.
    Status finish(const CampaignResult& result, unsigned attempt);
    // Marks the cell as skipped: its trials without a result will not be run.
    Status skip(std::size_t cell, const std::string& why);
    // Ends the attempt, and marks its cell as not set up, which does not count as a failure. Opening the campaign to
    // run it takes the mark back, so that the cell is tried again.
    Status set_aside(const CampaignTrial& trial, unsigned attempt, const std::string& why);

    // Stores what other campaigns have, in one transaction: results, attempts, and the time of the start (ISO 8601).
    Status import(const std::vector<StoredResult>& results, const std::vector<StoredAttempt>& attempts,
                  const std::string& started);
    // Marks the cell as skipped or not set up, as `progress` says.
    Status leave_out(std::size_t cell, const CellProgress& progress);

    Result<std::vector<StoredAttempt>> attempts();
    Result<std::vector<CampaignTrial>> finished();
    // Counts the attempts that failed by themselves, so that retries have a bound. Attempts that were lost because the
    // coordinator died do not count.
    Result<unsigned> failures(const CampaignTrial& trial);
    Result<std::vector<CellProgress>> progress();
    Result<std::string> name();
    // Reads the whole campaign. Values that an older memrig did not store (settings, the start) are empty; `started` is
    // then the time of the first result.
    Result<CampaignRecord> record();

private:
    explicit CampaignStore(Database database) : database_(std::move(database)) {}
    Status check_schema(const std::filesystem::path& file);
    Status migrate();
    Result<std::vector<CellProgress>> read_progress();
    Result<std::vector<StoredResult>> read_results();
    Result<std::vector<HostProgress>> read_hosts();
    Status insert_result(const CampaignResult& result, const std::string& when);
    Status insert_attempt(const StoredAttempt& attempt);
    Status end_attempt(const CampaignTrial& trial, unsigned attempt, const std::string& outcome);
    Result<std::int64_t> setting_id(const Provenance& setting);
    Status make(const Plan& plan, const std::optional<ShardIdentity>& shard, const std::filesystem::path& file);
    Status make_new(const Plan& plan, const std::optional<ShardIdentity>& shard);
    Status resume(const Plan& plan, const std::optional<ShardIdentity>& shard, const std::filesystem::path& file);
    Status check_plan(const Plan& plan);
    Result<std::optional<ShardIdentity>> read_shard();
    Database database_;
    std::int64_t schema_ = 0;  // the file's schema version
};

}  // namespace memrig
