// Joins the finished shards of a submitted sweep, matrix or exploration into the directory that one machine would have
// left.
#pragma once

#include <filesystem>

#include "campaign/merge.h"
#include "campaign/submission.h"

namespace memrig {

// Joins the shards below `directory`, where the work was submitted, into the new directory `out`. The command then
// reads it (Portion::Kind::nothing), and writes the reports. `out` appears at the end, whole, or not at all. It must
// not exist, or be empty. The trials of the report are units. Fault::user_input, with the names of the directories,
// for a missing shard, for a gap or an overlap in the units, and for shards of other work, options, memrigs or
// kernel images.
Result<MergeReport> merge_work(const std::filesystem::path& directory, const std::filesystem::path& out);

// Reads and checks what the work's opening has left. Fault::user_input if it is missing or damaged.
Result<ShardSeal> read_opening(const std::filesystem::path& directory);

}  // namespace memrig
