#include "campaign/plan.h"

#include <algorithm>
#include <set>

#include "base/file.h"
#include "base/hash.h"
#include "campaign/known.h"
#include "kernel/catalogue.h"
#include "scenario/scenario.h"

namespace memrig {

namespace {

constexpr std::int64_t kMostTrials = 1'000'000;
constexpr std::size_t kMostCells = 100'000;

class PlanReader {
public:
    explicit PlanReader(Plan& plan) : plan_(plan) {}

    void read_run(TomlTable table) {
        const auto words = table.strings("scenarios", true);
        const auto kernels = table.strings("kernels", true);
        const fs::path modules = table.string("modules", "");
        const auto benches = table.strings("benches", false);
        const auto arms = table.strings("arms", false);
        const auto trials = static_cast<unsigned>(table.integer("trials", 1, kMostTrials, 0));
        table.finish();
        if (const Status fit = check_modules(kernels, modules); !fit) table.report("modules", fit.error().line());
        const auto names = words == std::vector<std::string>{"all"} ? scenario_names() : named_scenarios(words);
        if (!names) return table.report("scenarios", names.error().line());
        std::set<std::string> unknown_arms(arms.begin(), arms.end());
        for (const auto& name : *names) {
            const auto scenario = load_scenario(name);
            if (!scenario) return table.report("scenarios", scenario.error().line());
            const std::string scenario_hash = Hasher().add(scenario->text).finish();
            for (const auto& bench : benches)
                if (std::ranges::find(scenario->benches, bench) == scenario->benches.end())
                    return table.report("benches", fmt::format("scenario {} is not for bench {}", name, bench));
            for (const auto& arm : scenario->arms) {
                unknown_arms.erase(arm.name);
                if (!arms.empty() && std::ranges::find(arms, arm.name) == arms.end()) continue;
                for (const auto& kernel : kernels)
                    for (const auto& bench : benches.empty() ? std::vector<std::string>{""} : benches)
                        add(table, {name, kernel, bench, arm.name, trials != 0 ? trials : scenario->trials, modules,
                                    scenario_hash});
            }
        }
        if (!unknown_arms.empty())
            table.report("arms", fmt::format("none of these scenarios has an arm \"{}\"", *unknown_arms.begin()));
    }

private:
    void add(TomlTable& table, PlanCell cell) {
        if (plan_.cells.size() == kMostCells)
            return table.report("scenarios",
                                fmt::format("the plan has more than {} arms on kernels and benches", kMostCells));
        if (!keys_.insert(cell.key()).second)
            return table.report("scenarios", "the plan has this twice: " + cell.key());
        plan_.cells.push_back(std::move(cell));
    }

    Plan& plan_;
    std::set<std::string> keys_;
};

std::string cell_text(const PlanCell& cell, const std::string& kernel) {
    return fmt::format("{} {}{}{} {}", cell.scenario, kernel, cell.bench.empty() ? "" : " ", cell.bench, cell.arm);
}

}  // namespace

std::string PlanCell::key() const { return cell_text(*this, kernel); }

std::string PlanCell::title() const { return cell_text(*this, shown_kernel()); }

std::string PlanCell::identity() const {
    if (!known_identity.empty()) return known_identity;
    return Hasher().add(key()).add(scenario_hash).add(modules.string()).finish();
}

std::uint64_t Plan::trials() const {
    std::uint64_t sum = 0;
    for (const auto& cell : cells) sum += cell.trials;
    return sum;
}

std::uint64_t Plan::seed_of(const PlanCell& cell, unsigned number) const {
    const std::string digits =
        Hasher().add(fmt::format("{}", seed)).add(cell.key()).add(fmt::format("{}", number)).finish();
    return std::stoull(digits.substr(0, 16), nullptr, 16) >> 1;
}

Plan parse_plan(TomlDocument& document) {
    Plan plan;
    TomlTable root = document.root();
    root.integer("schema", 1, 1);
    plan.name = root.string("name");
    // The name is also the name of the campaign's directory.
    const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; };
    if (plan.name.size() > 64 || !std::ranges::all_of(plan.name, fits))
        root.report("name", "a name has at most 64 of a-z, 0-9, - and _");
    plan.seed = static_cast<std::uint64_t>(root.integer("seed", 0, INT64_MAX, 0));
    PlanReader reader(plan);
    for (auto& table : root.tables("run", true)) reader.read_run(std::move(table));
    root.tables("known", false);  // parse_known() reads them
    root.finish();
    return plan;
}

Result<Plan> load_plan(const std::filesystem::path& path) {
    MEMRIG_TRY(TomlDocument document, TomlDocument::load(path.string()));
    Plan plan;
    if (document.status()) plan = parse_plan(document);
    MEMRIG_CHECK(document.status());
    MEMRIG_TRY(plan.text, read_file(path));
    MEMRIG_TRY([[maybe_unused]] const auto known, parse_known(plan.text, path.string()));
    return plan;
}

}  // namespace memrig
