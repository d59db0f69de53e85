#include "campaign/shard.h"

#include <algorithm>
#include <optional>

#include "base/hash.h"
#include "base/text.h"

namespace memrig {

ShardIdentity identify_shard(const Plan& plan, Shard shard, std::string memrig) {
    return {shard, plan_hash(plan), std::move(memrig)};
}

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
    const std::uint64_t all = plan.trials();
    if (shard.count > all)
        return fail(Fault::user_input, "there are {} shards, but the plan has only {}", shard.count,
                    counted(all, "trial"));
    const auto [begin, end] = units_of(shard, all);
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
