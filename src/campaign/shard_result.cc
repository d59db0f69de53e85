#include "campaign/shard_result.h"

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/hash.h"

namespace memrig {

namespace {

constexpr const char* kSeal = "shard.json";
constexpr const char* kDatabase = "campaign.sqlite";
constexpr std::uint64_t kLargestSeal = 1 << 16;  // bytes

constexpr const char* kRunItAgain = "run that shard again";

}  // namespace

Status seal_shard(const fs::path& directory) {
    MEMRIG_CHECK(Database::fold(directory / kDatabase));
    ShardSeal seal;
    {
        MEMRIG_TRY(CampaignStore store, CampaignStore::open_to_read(directory));
        MEMRIG_TRY(const CampaignRecord record, store.record());
        if (!record.shard) return fail(Fault::rig, "{} does not hold a shard", directory.string());
        seal.identity = *record.shard;
        seal.trials = record.results.size();
        for (const auto& one : record.results) seal.as_expected += one.as_expected;
    }
    MEMRIG_TRY(seal.database_sha256, hash_file(directory / kDatabase));
    const nlohmann::ordered_json json = {{"schema", 1},
                                         {"shard", seal.identity.shard.text()},
                                         {"plan_hash", seal.identity.plan_hash},
                                         {"memrig", seal.identity.memrig},
                                         {"trials", seal.trials},
                                         {"as_expected", seal.as_expected},
                                         {"database_sha256", seal.database_sha256}};
    return write_file(directory / kSeal, json.dump(2) + "\n");
}

Status break_seal(const fs::path& directory) {
    std::error_code code;
    fs::remove(directory / kSeal, code);
    if (code) return fail(Fault::host, "cannot remove {}: {}", (directory / kSeal).string(), code.message());
    return {};
}

bool has_seal(const fs::path& directory) {
    std::error_code code;
    return fs::exists(directory / kSeal, code);
}

Result<ShardSeal> read_seal(const fs::path& directory) {
    if (!has_seal(directory))
        return fail_with({Fault::user_input, directory.string() + " is not a finished shard", {}},
                         "memrig campaign run PLAN --shard K/N --out DIR runs one, or resumes it");
    MEMRIG_TRY(const std::string text, read_file(directory / kSeal, kLargestSeal));
    const auto json = nlohmann::json::parse(text, nullptr, false);
    const auto word = [&](const char* key) {
        return json.is_object() && json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : "";
    };
    const auto number = [&](const char* key) {
        return json.is_object() && json.contains(key) && json[key].is_number_unsigned() ? json[key].get<std::uint64_t>()
                                                                                        : 0;
    };
    const auto shard = parse_shard(word("shard"));
    if (!shard || word("plan_hash").empty() || word("memrig").empty() || word("database_sha256").empty())
        return fail_with({Fault::user_input, (directory / kSeal).string() + " is damaged", {}}, kRunItAgain);
    return ShardSeal{
        {*shard, word("plan_hash"), word("memrig")}, number("trials"), number("as_expected"), word("database_sha256")};
}

Result<FinishedShard> read_finished_shard(const fs::path& directory) {
    MEMRIG_TRY(const ShardSeal seal, read_seal(directory));
    const auto damaged = [&](const std::string& why) {
        return fail_with(
            {Fault::user_input, fmt::format("{} is damaged: {}", (directory / kDatabase).string(), why), {}},
            kRunItAgain);
    };
    const auto sha256 = hash_file(directory / kDatabase);
    if (!sha256) return damaged(sha256.error().message);
    if (*sha256 != seal.database_sha256) return damaged("it is not the file that the shard's run left");
    FinishedShard shard{directory, seal.identity, {}, {}};
    MEMRIG_TRY(CampaignStore store, CampaignStore::open_to_read(directory));
    MEMRIG_TRY(shard.record, store.record());
    MEMRIG_TRY(shard.attempts, store.attempts());
    if (shard.record.shard != seal.identity || shard.record.results.size() != seal.trials)
        return damaged("it does not hold what shard.json says");
    return shard;
}

Result<std::optional<std::uint64_t>> reopen_shard(const fs::path& directory,
                                                  const std::optional<ShardIdentity>& asked) {
    if (!has_seal(directory)) return std::nullopt;
    MEMRIG_TRY(const FinishedShard shard, read_finished_shard(directory));
    MEMRIG_CHECK(check_same_shard(shard.identity, asked));
    for (const CellProgress& cell : shard.record.cells)
        if (!cell.not_set_up.empty()) {
            MEMRIG_CHECK(break_seal(directory));  // this cell is tried again
            return std::nullopt;
        }
    return shard.record.results.size();
}

}  // namespace memrig
