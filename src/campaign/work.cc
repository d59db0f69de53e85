#include "campaign/work.h"

#include <set>

#include "base/hash.h"
#include "campaign/shard.h"

namespace memrig {

Work work_of(const Plan& plan, const std::filesystem::path& directory, const std::vector<std::string>& options,
             const std::string& memrig) {
    Work work{plan.name, "trial", plan.trials(), plan_hash(plan), memrig, {}, true};
    work.command = {"campaign", "run", (directory / "plan.toml").string()};
    work.command.insert(work.command.end(), options.begin(), options.end());
    work.files["plan.toml"] = plan.text;
    std::set<std::string> known;
    for (const PlanCell& cell : plan.cells)
        if (known.insert(cell.kernel).second) work.kernels.emplace_back(cell.kernel, cell.modules);
    return work;
}

std::string work_hash(const std::vector<std::string>& words, const std::map<std::string, std::string>& files) {
    Hasher hasher;
    hasher.add(std::to_string(words.size()));
    for (const auto& word : words) hasher.add(word);
    for (const auto& [name, sha256] : files) hasher.add(name).add(sha256);
    return hasher.finish().substr(0, 32);
}

}  // namespace memrig
