// Splits a plan into shards, so that several machines run one campaign. A shard is a range of trials of a few arms.
#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "campaign/plan.h"
#include "run/portion.h"

namespace memrig {

// Everything that the shards of one campaign have in common, and the shard's own place among them. A shard's database
// holds it, so that only shards of one campaign are merged.
struct ShardIdentity {
    Shard shard;
    std::string plan_hash;  // plan_hash() of the whole plan
    std::string memrig;     // the memrig that runs the shard: its version and the hash of its sources
    bool operator==(const ShardIdentity&) const = default;
};
// `memrig` is the running memrig, with its version and the hash of its sources.
// REQUIRES: `plan` is the whole plan, not that of a shard.
ShardIdentity identify_shard(const Plan& plan, Shard shard, std::string memrig);

// Fails with Fault::user_input, and says what differs, if a directory that has `stored` is to hold `asked`. Nothing
// stands for a whole campaign.
Status check_same_shard(const std::optional<ShardIdentity>& stored, const std::optional<ShardIdentity>& asked);

// Returns the part of the plan that the shard runs: of the sequence of all trials, arm by arm, the share of the shard.
// Shards differ by at most one trial. Arms without a trial in the shard are left out. A pure function of the plan and
// the shard. A trial's seed and number are the same as in the whole plan. Fault::user_input if there are more shards
// than trials.
Result<Plan> shard_plan(const Plan& plan, Shard shard);

// Returns 32 hex digits that differ if the trials of the plan differ: in the seed, in an arm's scenario file, kernel,
// bench or modules, or in the number of trials. Known findings and the plan's name do not count, as for a campaign that
// is resumed.
std::string plan_hash(const Plan& plan);

}  // namespace memrig
