// The finished result of one shard: a directory with a seal, by which a reader knows that nothing of the campaign's
// database, or of the journals of other work, is missing or damaged.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "campaign/shard.h"
#include "campaign/store.h"
#include "campaign/work.h"

namespace memrig {

// The file shard.json of a finished shard.
struct ShardSeal {
    ShardIdentity identity;
    std::uint64_t trials = 0, as_expected = 0;  // results (of work: of its units), and those that are as expected
    std::string database_sha256;                // of a campaign
    // For other work (campaign/work.h): files by relative path, and images by kernel, each with its SHA-256.
    std::map<std::string, std::string> files = {}, kernels = {};
    [[nodiscard]] bool is_of_campaign() const { return !database_sha256.empty(); }
};

// Writes the seal of a shard whose trials are all done. Leaves the database without a write-ahead log, in one file,
// which a read-only file system may hold.
// REQUIRES: no process has the database open.
Status seal_shard(const std::filesystem::path& directory);
// Writes the seal of a shard of other work than a campaign, or of its opening, which is shard 1/1. The
// seal of an opening has the units of the whole work.
Status seal_work(const std::filesystem::path& directory, const ShardIdentity& identity, const WorkTally& tally);
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

// Checks that the directory is a finished shard of a campaign or of other work, and that nothing in it is damaged. It
// reads all of its data. Returns its seal. Fault::user_input with the damaged file's name.
Result<ShardSeal> check_finished_shard(const std::filesystem::path& directory);

// A finished shard of a campaign, read and checked.
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
