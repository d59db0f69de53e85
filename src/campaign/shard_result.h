// The finished result of one shard: a campaign's directory with a seal, by which a reader knows that nothing of the
// database is missing or damaged.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "campaign/shard.h"
#include "campaign/store.h"

namespace memrig {

// The file shard.json of a finished shard.
struct ShardSeal {
    ShardIdentity identity;
    std::uint64_t trials = 0, as_expected = 0;  // results, and those of them that are as expected
    std::string database_sha256;
};

// Writes the seal of a shard whose trials are all done. Leaves the database without a write-ahead log, in one file,
// which a read-only file system may hold.
// REQUIRES: no process has the database open.
Status seal_shard(const std::filesystem::path& directory);
// Removes the seal: the shard is about to be run again.
Status break_seal(const std::filesystem::path& directory);
// Called before a campaign is run in the directory. Returns the number of results if it holds the finished shard
// `asked`, which then stays as it is. Returns nothing if there is something to run: then there is no seal.
// Fault::user_input if the finished shard is another one, or is damaged.
Result<std::optional<std::uint64_t>> reopen_shard(const std::filesystem::path& directory,
                                                  const std::optional<ShardIdentity>& asked);

[[nodiscard]] bool has_seal(const std::filesystem::path& directory);
// Reads the seal alone, without a look at the database. Fault::user_input if there is none, or a damaged one.
Result<ShardSeal> read_seal(const std::filesystem::path& directory);

// A finished shard, read and checked.
struct FinishedShard {
    std::filesystem::path directory;
    ShardIdentity identity;
    CampaignRecord record;
    std::vector<StoredAttempt> attempts;
};
// Reads a finished shard. Fault::user_input, with the directory's name, if it is not finished, if its database is not
// the one that was sealed (cut short, damaged, written to), or if the two say different things.
Result<FinishedShard> read_finished_shard(const std::filesystem::path& directory);

}  // namespace memrig
