#include "report/coverage.h"

#include <algorithm>
#include <map>

#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "base/text.h"
#include "machine/bench.h"

namespace memrig {

namespace {

constexpr const char* kHead = R"(# Coverage

Each row of the table is a hotplug path. A scenario that *validates* the path takes it to its end with no other actor in
the way, or is refused; then everything is accounted for. A scenario that *races* the path holds one actor in the middle
of it while another one acts. The arms beside `control` (`miscounted`, `another`) elide a lock, change a value or use a
wrong setting, and the rig has to convict each. Source mutants are kernels with that part of the locking removed
([matrix.md](matrix.md)). If a kernel lacks what a scenario needs, the scenario is a `SKIP` with a reason, never a pass.

`memrig run validate`, `memrig run race` and `memrig run --all` run these scenarios. `memrig scenarios coverage` prints
this file, and a test compares the two. [coverage-measured.md](coverage-measured.md) has what came of them on stock
kernels.

)";

using Pick = std::vector<std::string> (*)(const Scenario&);

std::string folder_of(const Scenario& scenario) { return scenario.name.substr(0, scenario.name.find('/')); }
std::string last_part(const Scenario& scenario) { return scenario.name.substr(scenario.name.rfind('/') + 1); }
bool is_race(const Scenario& scenario) { return folder_of(scenario) == "race"; }

std::string code(const std::string& word) { return "`" + word + "`"; }

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
    return text.empty() ? "—" : text;
}

std::string codes(std::vector<std::string> words) {
    for (auto& word : words) word = code(word);
    return joined(words);
}

// The words that `pick` returns for the scenarios, each once, in the order of the scenarios.
std::vector<std::string> of_all(const PathCoverage& covered, Pick pick) {
    std::vector<std::string> words;
    for (const auto& scenario : covered.scenarios)
        for (auto& word : pick(scenario))
            if (std::ranges::find(words, word) == words.end()) words.push_back(std::move(word));
    return words;
}

std::vector<std::string> arms_of(const Scenario& scenario) {
    std::vector<std::string> arms;
    for (const auto& arm : scenario.arms)
        if (arm.name != "control") arms.push_back(arm.name);
    return arms;
}

std::vector<std::string> mutants_of(const Scenario& scenario) {
    std::vector<std::string> mutants;
    for (const auto& claim : scenario.kills) mutants.push_back(claim.mutant);
    return mutants;
}

std::string scenario_links(const PathCoverage& covered, bool races) {
    std::vector<std::string> links;
    for (const auto& scenario : covered.scenarios)
        if (is_race(scenario) == races)
            links.push_back(fmt::format("[{}](../scenarios/{}.toml)", last_part(scenario), scenario.name));
    return joined(links);
}

std::size_t convicted_arms(const PathCoverage& covered) {
    std::size_t arms = 0;
    for (const auto& scenario : covered.scenarios) arms += arms_of(scenario).size();
    return arms;
}

// Prints "any", or the symbols that a kernel must have or lack, with the scenarios if it is not all of them.
std::string kernels_of(const PathCoverage& covered) {
    std::map<std::string, std::vector<std::string>> users;
    std::size_t choosy = 0;
    for (const auto& scenario : covered.scenarios) {
        for (const auto& symbol : scenario.needs) users["with " + code(symbol)].push_back(last_part(scenario));
        for (const auto& symbol : scenario.lacks) users["without " + code(symbol)].push_back(last_part(scenario));
        choosy += scenario.needs.empty() && scenario.lacks.empty() ? 0 : 1;
    }
    std::string text = choosy < covered.scenarios.size() ? "any" : "";
    for (const auto& [wish, names] : users) {
        text += (text.empty() ? "" : "; ") + wish;
        if (names.size() < covered.scenarios.size()) text += ": " + joined(names);
    }
    return text.empty() ? "—" : text;
}

std::vector<std::string> architectures_of(const PathCoverage& covered) {
    std::vector<std::string> names;
    for (const auto& [architecture, scenarios] : covered.architectures) names.push_back(architecture);
    return names;
}

std::string row(const PathCoverage& covered) {
    const auto benches = of_all(covered, [](const Scenario& scenario) { return scenario.benches; });
    return fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} |\n", covered.path.name, scenario_links(covered, false),
                       scenario_links(covered, true), convicted_arms(covered), codes(of_all(covered, mutants_of)),
                       joined(benches), joined(architectures_of(covered)), kernels_of(covered));
}

// A table with the number of scenarios and the paths of each architecture.
std::string architecture_rows(const std::vector<PathCoverage>& paths) {
    std::map<std::string, std::vector<std::string>> covered_by;
    std::map<std::string, std::size_t> races, all;
    for (const auto& covered : paths)
        for (const auto& [architecture, names] : covered.architectures) {
            covered_by[architecture].push_back(std::string(covered.path.id));
            all[architecture] += names.size();
            races[architecture] +=
                static_cast<std::size_t>(std::ranges::count_if(covered.scenarios, [&](const Scenario& scenario) {
                    return is_race(scenario) && names.contains(scenario.name);
                }));
        }
    std::string text = "\n| architecture | validated by | raced by | paths |\n| --- | --- | --- | --- |\n";
    for (const auto& [architecture, ids] : covered_by)
        text += fmt::format("| {} | {} | {} | {} |\n", architecture,
                            counted(all[architecture] - races[architecture], "scenario"),
                            counted(races[architecture], "scenario"), codes(ids));
    return text;
}

std::string arm_text(const ScenarioArm& arm) {
    std::vector<std::string> verdicts;
    for (const Verdict verdict : arm.expected) verdicts.push_back(code(std::string(to_string(verdict))));
    std::string either;
    for (const auto& verdict : verdicts) either += (either.empty() ? "" : " or ") + verdict;
    return fmt::format("  - {}: {}: {}\n", code(arm.name), md_escaped(arm.purpose), either);
}

std::string details(const PathCoverage& covered) {
    std::string text = fmt::format("\n## {}\n\n", covered.path.name);
    if (covered.scenarios.empty()) return text + "Nothing yet.\n";
    for (const auto& scenario : covered.scenarios) {
        text += fmt::format("- [{0}](../scenarios/{0}.toml): {1}.\n  Verifies: {2}\n", scenario.name,
                            md_escaped(scenario.title), md_escaped(scenario.verifies));
        for (const auto& arm : scenario.arms)
            if (arm.name != "control") text += arm_text(arm);
    }
    return text;
}

}  // namespace

Result<std::vector<PathCoverage>> read_coverage() {
    std::vector<PathCoverage> paths;
    for (const auto& path : kHotplugPaths) paths.push_back({path, {}});
    for (const auto& name : scenario_names()) {
        MEMRIG_TRY(Scenario scenario, load_scenario(name));
        const auto row =
            std::ranges::find(paths, scenario.path, [](const PathCoverage& covered) { return covered.path.id; });
        if (row == paths.end())
            return fail(Fault::user_input, "scenarios/{}.toml names no hotplug path: add path = \"…\"", name);
        for (const auto& bench : scenario.benches) {
            MEMRIG_TRY(const Bench machine, load_bench(bench));
            row->architectures[machine.arch].insert(name);
        }
        row->scenarios.push_back(std::move(scenario));
    }
    return paths;
}

std::string coverage_markdown(const std::vector<PathCoverage>& paths) {
    std::string text = kHead;
    text +=
        "| path | validated by | raced by | arms convicted | source mutants killed | benches | architecture | kernels "
        "|\n";
    text += "| --- | --- | --- | --- | --- | --- | --- | --- |\n";
    for (const auto& covered : paths) text += row(covered);
    text += architecture_rows(paths);
    for (const auto& covered : paths) text += details(covered);
    return text;
}

std::string coverage_json(const std::vector<PathCoverage>& paths) {
    using Json = nlohmann::ordered_json;
    Json json = {{"schema", 1}, {"paths", Json::array()}};
    for (const auto& covered : paths) {
        Json row = {{"path", covered.path.id},
                    {"name", covered.path.name},
                    {"architectures", architectures_of(covered)},
                    {"scenarios", Json::array()}};
        for (const auto& scenario : covered.scenarios)
            row["scenarios"].push_back({{"name", scenario.name},
                                        {"race", is_race(scenario)},
                                        {"title", scenario.title},
                                        {"verifies", scenario.verifies},
                                        {"arms", arms_of(scenario)},
                                        {"kills", mutants_of(scenario)},
                                        {"benches", scenario.benches},
                                        {"needs", scenario.needs},
                                        {"lacks", scenario.lacks}});
        json["paths"].push_back(std::move(row));
    }
    return json_document(json);
}

}  // namespace memrig
