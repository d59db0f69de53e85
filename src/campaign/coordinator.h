// Runs a campaign. Each trial is a worker process of its own, so a worker or a QEMU that dies costs only that one
// trial, which is run again.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "campaign/store.h"

namespace memrig {

// A trial begins only if this many bytes are free in the directory of its evidence and in that of temporary files. A
// run itself asks for less (src/run/run.cc), because a run that ends for lack of room is a rig fault.
inline constexpr std::uint64_t kLeastRoom = 320ull << 20;
// Fails with Fault::host, and says where, if one of the file systems has less than `least` bytes free.
Status check_room(const std::vector<std::filesystem::path>& directories, std::uint64_t least);

struct CampaignSpec {
    Plan plan;
    std::filesystem::path directory;
    unsigned jobs = 1;
    std::vector<std::string> worker;  // a program and its first arguments, which runs one trial: `memrig run`
    // Set if this is one shard of a campaign; `plan` is then the shard's part (shard_plan()). Without a budget.
    std::optional<ShardIdentity> shard;
    // No trial begins after this time. If the plan is done before, more trials than planned are run.
    std::optional<std::chrono::seconds> budget;
    std::string accelerator = "auto";
    // The hosts that play trials, as `memrig run --backend` takes each. A worker gets the host with the fewest trials.
    std::vector<std::string> hosts = {"qemu"};
    // Called for a host where a worker failed. Returns Fault::host if the host is gone. Then the host gets no more
    // trials, and that failure does not count.
    std::function<Status(const std::string& host)> answers = [](const std::string&) { return Status(); };
    std::uint64_t least_room = kLeastRoom;
};

// Receives the events of a campaign as they happen. Its functions are called on the coordinator's thread.
class CampaignObserver {
public:
    virtual ~CampaignObserver() = default;
    // `planned`: trials of the plan. `done`: those of them that have a result already.
    virtual void begun(std::uint64_t planned, std::uint64_t done) = 0;
    virtual void trial_done(const PlanCell& cell, const CampaignResult& result, std::uint64_t done) = 0;
    virtual void cell_skipped(const PlanCell& cell, const std::string& why) = 0;
    virtual void cell_not_set_up(const PlanCell& cell, const std::string& why) = 0;
    virtual void runs_again(const PlanCell& cell, const CampaignTrial& trial, const std::string& why) = 0;
    virtual void host_lost(const std::string& host, const std::string& why) = 0;
};

// A trial may fail this often by itself (its worker dies, a rig fault) before the failure becomes its result.
inline constexpr unsigned kMostFailures = 3;

// Runs trials until each has a result, or until the budget is spent. Resumes an earlier run of the same directory,
// however that one ended. Finished results are kept whatever the error:
// - Fault::user_input: the directory has another plan, another shard or a shard of another memrig, or a worker refused
//   its input (exit status 2);
// - Fault::host: another coordinator is at work, or nothing can be written;
// - Fault::rig: no host is left;
// - Fault::interrupted.
Status run_campaign_plan(const CampaignSpec& spec, CampaignObserver& observer);

}  // namespace memrig
