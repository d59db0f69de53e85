// Runs a campaign: each trial by a worker process of its own, so that a worker or a QEMU that dies costs that one trial, which is run again.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "campaign/store.h"

namespace memrig {

struct CampaignSpec {
    Plan plan;
    std::filesystem::path directory;
    unsigned jobs = 1;
    std::vector<std::string> worker;  // what runs one trial, `memrig run` by default: a program and its first arguments
    std::optional<std::chrono::seconds>
        budget;  // no trial is begun after it; while it lasts, more trials than planned are run
    std::string accelerator = "auto";
    // Where trials are played, as `memrig run --backend` takes each. A worker gets the one that has the fewest.
    std::vector<std::string> hosts = {"qemu"};
    // Asked of a host where a worker failed: Fault::host where it is gone. It is given no more trials then, and that failure does not count.
    std::function<Status(const std::string& host)> answers = [](const std::string&) { return Status(); };
    // Bytes that have to be free in the campaign's directory, and where its workers have their temporary files, for a trial to be begun.
    // More than a worker itself asks for (src/campaign/campaign.cc): what it refuses for lack of room would be a rig fault.
    std::uint64_t least_room = 320ull << 20;
};

// What happens, as it happens.
class CampaignObserver {
public:
    virtual ~CampaignObserver() = default;
    // Trials of the plan, and those of them that have a result already.
    virtual void begun(std::uint64_t planned, std::uint64_t done) = 0;
    virtual void trial_done(const PlanCell& cell, const CampaignResult& result, std::uint64_t done) = 0;
    virtual void cell_skipped(const PlanCell& cell, const std::string& why) = 0;
    virtual void runs_again(const PlanCell& cell, const CampaignTrial& trial, const std::string& why) = 0;
    virtual void host_lost(const std::string& host, const std::string& why) = 0;
};

// How often one trial may fail by itself (a worker that dies, a rig fault) before that is its result.
inline constexpr unsigned kMostFailures = 3;

// Until all has a result or the budget is spent. Goes on where an earlier run of the same directory ended, however it ended. Fault::user_input
// for another plan or what a worker refuses (exit status 2), Fault::host where another coordinator is at work or nothing can be
// written, Fault::rig where no host is left, Fault::interrupted: what is done is kept in each case.
Status run_campaign_plan(const CampaignSpec& order, CampaignObserver& observer);

}  // namespace memrig
