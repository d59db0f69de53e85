#include "campaign/trial_json.h"

#include "base/file.h"

namespace memrig {

namespace {

constexpr int kRecipeSchema = 1;
constexpr std::uint64_t kMostRecipeBytes = 4u << 20;
using Json = nlohmann::json;

Mode mode_from(const std::string& text) {
    if (text == "free") return Mode::free;
    return text == "explore" ? Mode::explore : Mode::directed;
}

// nlohmann's exceptions end here: a file of ours that somebody has changed is bad input.
template <class Read>
auto guarded(const char* what, Read read) -> Result<decltype(read())> {
    try {
        return read();
    } catch (const Json::exception& error) {
        return fail(Fault::user_input, "{} is damaged: {}", what, error.what());
    }
}

}  // namespace

Json order_json(const Interleaving& order) {
    Json list = Json::array();
    for (const auto& one : order)
        list.push_back(
            {{"actor", one.actor}, {"at", one.at}, {"nth", one.nth}, {"to", one.to}, {"forced", one.forced}});
    return list;
}

Result<Interleaving> order_from_json(const Json& json) {
    return guarded("an order of actors", [&] {
        Interleaving order;
        for (const auto& one : json)
            order.push_back({one.at("actor").get<std::string>(), one.at("at").get<std::string>(),
                             one.at("nth").get<unsigned>(), one.at("to").get<std::string>(),
                             one.at("forced").get<bool>()});
        return order;
    });
}

Json recipe_json(const TrialOrder& order) {
    const KernelImage& kernel = order.guest->order.kernel;
    const TrialManner& manner = order.manner;
    return {{"schema", kRecipeSchema},
            {"memrig", MEMRIG_VERSION},
            {"scenario", order.scenario.name},
            {"arm", order.arm.name},
            {"kernel", {{"id", kernel.id}, {"sha256", kernel.sha256}, {"release", order.guest->hello.release}}},
            {"bench", order.guest->order.bench.name},
            {"accelerator", to_string(order.guest->order.accelerator)},
            {"number", order.number},
            {"seed", order.seed},
            {"attributes", order.attributes},
            {"mode", to_string(manner.mode)},
            {"oracles", manner.oracles},
            {"preemptions", manner.preemptions},
            {"points", points_of(manner, order.scenario)},
            {"settings", manner.settings},
            {"ledger", manner.ledger},
            {"lock_trace", manner.lock_trace},
            {"order", order_json(order.order)},
            {"scenario_text", order.scenario.text}};
}

Result<TrialRecipe> read_recipe(const fs::path& trial_directory) {
    const fs::path path = trial_directory / "trial.json";
    const auto text = read_file(path, kMostRecipeBytes);
    if (!text)
        return fail_with({Fault::user_input,
                          fmt::format("{} is no trial's directory: it has no trial.json", trial_directory.string()),
                          {}},
                         "give one that a run left, RUN/SCENARIO/KERNEL/ARM/NUMBER");
    const Json json = Json::parse(*text, nullptr, false);
    if (!json.is_object() || json.value("schema", 0) != kRecipeSchema)
        return fail(Fault::user_input, "{} is damaged, or of another version of memrig", path.string());
    MEMRIG_TRY(const Interleaving order, order_from_json(json.value("order", Json::array())));
    return guarded("trial.json", [&] {
        TrialRecipe recipe;
        recipe.scenario = json.at("scenario").get<std::string>();
        recipe.scenario_text = json.at("scenario_text").get<std::string>();
        recipe.arm = json.at("arm").get<std::string>();
        recipe.kernel = json.at("kernel").at("id").get<std::string>();
        recipe.kernel_sha256 = json.at("kernel").at("sha256").get<std::string>();
        recipe.kernel_release = json.at("kernel").at("release").get<std::string>();
        recipe.bench = json.at("bench").get<std::string>();
        recipe.accelerator = json.at("accelerator").get<std::string>();
        recipe.number = json.at("number").get<unsigned>();
        recipe.seed = json.at("seed").get<std::uint64_t>();
        recipe.attributes = json.at("attributes").get<std::map<std::string, std::string>>();
        recipe.manner.mode = mode_from(json.at("mode").get<std::string>());
        recipe.manner.oracles = json.at("oracles").get<std::set<std::string>>();
        recipe.manner.preemptions = json.at("preemptions").get<unsigned>();
        recipe.manner.points = json.at("points").get<std::vector<std::string>>();
        recipe.manner.settings = json.at("settings").get<std::vector<std::string>>();
        recipe.manner.ledger = json.at("ledger").get<bool>();
        recipe.manner.lock_trace = json.at("lock_trace").get<bool>();
        recipe.order = order;
        return recipe;
    });
}

Json verdict_json(const TrialResult& result) {
    Json findings = Json::array();
    for (const auto& finding : result.findings)
        findings.push_back({{"oracle", finding.oracle},
                            {"verdict", to_string(finding.verdict)},
                            {"summary", finding.summary},
                            {"details", finding.details}});
    return {{"schema", 1},
            {"number", result.number},
            {"verdict", to_string(result.verdict)},
            {"as_expected", result.as_expected},
            {"reason", result.reason},
            {"choices", result.choices},
            {"seed", result.seed},
            {"stops", result.stops},
            {"seconds",
             {{"restore", result.restore_seconds},
              {"schedule", result.schedule_seconds},
              {"verdict", result.verdict_seconds}}},
            {"order", order_json(result.order)},
            {"order_came_to_pass", result.order_came_to_pass},
            {"findings", std::move(findings)}};
}

Result<TrialResult> verdict_from_json(const Json& json) {
    MEMRIG_TRY(const Interleaving order, order_from_json(json.is_object() ? json.value("order", Json::array()) : json));
    return guarded("a trial's verdict", [&] {
        TrialResult result;
        result.number = json.at("number").get<unsigned>();
        result.verdict = parse_verdict(json.at("verdict").get<std::string>()).value_or(Verdict::inconclusive);
        result.as_expected = json.at("as_expected").get<bool>();
        result.reason = json.at("reason").get<std::string>();
        result.choices = json.at("choices").get<std::map<std::string, std::string>>();
        result.seed = json.at("seed").get<std::uint64_t>();
        result.stops = json.at("stops").get<std::uint64_t>();
        const Json& seconds = json.at("seconds");
        result.restore_seconds = seconds.at("restore").get<double>();
        result.schedule_seconds = seconds.at("schedule").get<double>();
        result.verdict_seconds = seconds.at("verdict").get<double>();
        result.order = order;
        result.order_came_to_pass = json.at("order_came_to_pass").get<bool>();
        for (const auto& finding : json.at("findings"))
            result.findings.push_back(
                {finding.at("oracle").get<std::string>(),
                 parse_verdict(finding.at("verdict").get<std::string>()).value_or(Verdict::inconclusive),
                 finding.at("summary").get<std::string>(), finding.at("details").get<std::vector<std::string>>()});
        return result;
    });
}

}  // namespace memrig
