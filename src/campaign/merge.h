// Joins the finished shards of one campaign into a campaign as one machine would have left it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "campaign/shard_result.h"

namespace memrig {

// The outcome of a merge, and what its user has to know.
struct MergeReport {
    std::size_t shards = 0;
    std::uint64_t trials = 0;
    // Further attempts of a shard that differ from the one that counts; hosts whose QEMU differs; one line each.
    std::vector<std::string> notes;
};

// The plan of all shards together, with the shard that counts for each number.
struct JoinedShards {
    Plan plan;                                // the whole plan
    std::vector<const FinishedShard*> parts;  // by number of the shard, from 1
    MergeReport report;
};
// Checks that the shards are one campaign, each trial exactly once. If a shard has several attempts, the first in
// `shards` counts. Fault::user_input, with the names of the directories, for a missing shard (a gap), for trials of two
// shards (an overlap), for shards of different plans, seeds, memrig versions or kernel images. Pure. `shards` must
// outlive the result.
Result<JoinedShards> join_shards(const std::vector<FinishedShard>& shards);

// Returns the directories of finished shards in `directory`: itself, or, of a submitted campaign, that of each
// shard's published result, then those of its further finished attempts. Fault::user_input if there is none.
Result<std::vector<std::filesystem::path>> finished_shards_in(const std::filesystem::path& directory);

// Fails with Fault::user_input if one of `count` shards is not in `have`, and names up to eight of them.
Status check_no_gap(unsigned count, const std::set<unsigned>& have);
// Fails with Fault::user_input if the directory exists and is not empty.
Status check_new_directory(const std::filesystem::path& out);
// Lets `write` fill a new directory, and renames it to `out` at the end. Nothing is left of it if `write` fails.
Status make_whole_directory(const std::filesystem::path& out,
                            const std::function<Status(const std::filesystem::path&)>& write);

// Joins the shards in these directories into the new directory `out`, with the evidence of every trial: as hard links
// where possible, else as copies. `out` appears at the end, whole, or not at all. It must not exist, or be empty.
Result<MergeReport> merge_campaign(const std::vector<std::filesystem::path>& directories,
                                   const std::filesystem::path& out);

}  // namespace memrig
