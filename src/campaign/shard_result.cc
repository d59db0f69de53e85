#include "campaign/shard_result.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/hash.h"
#include "base/json_text.h"

namespace memrig {

namespace {

constexpr const char* kSeal = "shard.json";
constexpr const char* kDatabase = "campaign.sqlite";
constexpr std::uint64_t kLargestSeal = 1 << 16;  // bytes

constexpr const char* kRunItAgain = "run that shard again";

using Seal = nlohmann::ordered_json;

std::unexpected<Error> damaged_file(const fs::path& file, const std::string& why) {
    return fail_with({Fault::user_input, fmt::format("{} is damaged: {}", file.string(), why), {}}, kRunItAgain);
}

Status check_sealed_file(const fs::path& file, const std::string& sealed) {
    const auto sha256 = hash_file(file);
    if (!sha256) return damaged_file(file, sha256.error().message);
    if (*sha256 != sealed) return damaged_file(file, "it is not the file that the shard's run left");
    return {};
}

// The common part of all seals.
Seal seal_json(const ShardIdentity& identity, std::uint64_t trials, std::uint64_t as_expected) {
    return {{"schema", 1},
            {"shard", identity.shard.text()},
            {"plan_hash", identity.plan_hash},
            {"memrig", identity.memrig},
            {"trials", trials},
            {"as_expected", as_expected}};
}

// A file of a shard is below its directory.
bool is_below(const std::string& name) {
    const fs::path path = name;
    return path.is_relative() && std::ranges::find(path, "..") == path.end();
}

std::map<std::string, std::string> words_of(const nlohmann::json& json, const char* key) {
    std::map<std::string, std::string> words;
    if (!json.is_object() || !json.contains(key) || !json[key].is_object()) return words;
    for (const auto& [name, value] : json[key].items())
        if (value.is_string()) words[name] = value.get<std::string>();
    return words;
}

}  // namespace

Status seal_work(const fs::path& directory, const ShardIdentity& identity, const WorkTally& tally) {
    Seal json = seal_json(identity, tally.units, tally.as_expected);
    json["files"] = Seal::object();
    for (const fs::path& file : tally.files) {
        MEMRIG_TRY(const std::string sha256, hash_file(directory / file));
        json["files"][file.generic_string()] = sha256;
    }
    json["kernels"] = tally.kernels;
    return write_file(directory / kSeal, json_document(json));
}

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
    Seal json = seal_json(seal.identity, seal.trials, seal.as_expected);
    json["database_sha256"] = seal.database_sha256;
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
    const auto files = words_of(json, "files");
    if (!shard || word("plan_hash").empty() || word("memrig").empty() ||
        (word("database_sha256").empty() && files.empty()) ||
        !std::ranges::all_of(files, [](const auto& file) { return is_below(file.first); }))
        return fail_with({Fault::user_input, (directory / kSeal).string() + " is damaged", {}}, kRunItAgain);
    return ShardSeal{{*shard, word("plan_hash"), word("memrig")},
                     number("trials"),
                     number("as_expected"),
                     word("database_sha256"),
                     files,
                     words_of(json, "kernels")};
}

Result<ShardSeal> check_finished_shard(const fs::path& directory) {
    MEMRIG_TRY(ShardSeal seal, read_seal(directory));
    if (seal.is_of_campaign()) MEMRIG_CHECK(read_finished_shard(directory));
    for (const auto& [name, sha256] : seal.files) MEMRIG_CHECK(check_sealed_file(directory / name, sha256));
    return seal;
}

Result<FinishedShard> read_finished_shard(const fs::path& directory) {
    MEMRIG_TRY(const ShardSeal seal, read_seal(directory));
    if (!seal.is_of_campaign())
        return fail(Fault::user_input, "{} is a shard of other work than a campaign", directory.string());
    MEMRIG_CHECK(check_sealed_file(directory / kDatabase, seal.database_sha256));
    FinishedShard shard{directory, seal.identity, {}, {}};
    MEMRIG_TRY(CampaignStore store, CampaignStore::open_to_read(directory));
    MEMRIG_TRY(shard.record, store.record());
    MEMRIG_TRY(shard.attempts, store.attempts());
    if (shard.record.shard != seal.identity || shard.record.results.size() != seal.trials)
        return damaged_file(directory / kDatabase, "it does not hold what shard.json says");
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
