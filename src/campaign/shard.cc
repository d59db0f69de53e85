#include "campaign/shard.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/assert.h"
#include "base/hash.h"
#include "base/text.h"

namespace memrig {

namespace {

// The number that is all of the text. Nothing if there is anything else, or a leading 0.
std::optional<unsigned> shard_number(std::string_view text) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || text.front() == '0' || error != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

}  // namespace

std::string Shard::text() const { return fmt::format("{}/{}", number, count); }

Result<Shard> parse_shard(const std::string& text) {
    const std::size_t slash = text.find('/');
    if (slash != std::string::npos) {
        const auto number = shard_number(std::string_view(text).substr(0, slash));
        const auto count = shard_number(std::string_view(text).substr(slash + 1));
        if (number && count && *number <= *count && *count <= kMostShards) return Shard{*number, *count};
    }
    return fail(Fault::user_input, "{} is not a shard such as 3/8", one_line(text));
}

ShardIdentity identify_shard(const Plan& plan, Shard shard) { return {shard, plan_hash(plan), MEMRIG_VERSION}; }

Status check_same_shard(const std::optional<ShardIdentity>& stored, const std::optional<ShardIdentity>& asked) {
    if (stored == asked) return {};
    const auto said = [](const auto& one) { return one ? "shard " + one->shard.text() : "a whole campaign"; };
    const auto refuse = [](std::string message, const char* remedy) {
        return fail_with({Fault::user_input, std::move(message), {}}, remedy);
    };
    if (!stored || !asked || stored->shard != asked->shard)
        return refuse(fmt::format("this directory has {}, and not {}", said(stored), said(asked)), "give a new --out");
    if (stored->memrig != asked->memrig)
        return refuse(fmt::format("memrig {} began this shard, and this is memrig {}", stored->memrig, asked->memrig),
                      "give a new --out, or use the memrig that began it");
    return refuse("this directory's shard is of another plan", "give a new --out, or the plan that it was begun with");
}

Result<Plan> shard_plan(const Plan& plan, Shard shard) {
    MEMRIG_ASSERT(shard.number >= 1 && shard.number <= shard.count, "a shard has a number from 1 to the count");
    const std::uint64_t all = plan.trials();
    if (shard.count > all)
        return fail(Fault::user_input, "there are {} shards, but the plan has only {}", shard.count,
                    counted(all, "trial"));
    const std::uint64_t begin = all * (shard.number - 1) / shard.count;
    const std::uint64_t end = all * shard.number / shard.count;
    Plan part = plan;
    part.cells.clear();
    std::uint64_t before = 0;  // the trials of the arms before this one
    for (const PlanCell& cell : plan.cells) {
        const std::uint64_t from = std::max(begin, before);
        const std::uint64_t to = std::min(end, before + cell.trials);
        if (from < to) {
            part.cells.push_back(cell);
            part.cells.back().first = cell.first + static_cast<unsigned>(from - before);
            part.cells.back().trials = static_cast<unsigned>(to - from);
        }
        before += cell.trials;
    }
    return part;
}

std::string plan_hash(const Plan& plan) {
    Hasher hasher;
    hasher.add(fmt::format("{}", plan.seed));
    for (const PlanCell& cell : plan.cells) hasher.add(cell.identity()).add(fmt::format("{}", cell.trials));
    return hasher.finish().substr(0, 32);
}

}  // namespace memrig
