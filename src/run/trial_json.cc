#include "run/trial_json.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "base/file.h"
#include "base/json_text.h"
#include "kernel/catalogue.h"
#include "oracle/finding_json.h"
#include "oracle/judge.h"

namespace memrig {

namespace {

constexpr int kRecipeSchema = 2;
constexpr std::uint64_t kMostRecipeBytes = 4u << 20;
constexpr std::uint64_t kMostVerdictBytes = 16u << 20;
using Json = nlohmann::json;

// Thrown for a value that memrig does not write.
struct Unfit : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Turns exceptions, also nlohmann's, into errors. A file of memrig that somebody has changed is bad input.
template <class Read>
auto guarded(const std::string& what, Read read) -> Result<decltype(read())> {
    try {
        return read();
    } catch (const Json::exception& error) {
        return fail(Fault::user_input, "{} is damaged: {}", what, error.what());
    } catch (const Unfit& error) {
        return fail(Fault::user_input, "{} is damaged: {}", what, error.what());
    }
}

// Returns a count. nlohmann's get() alone would convert a negative number, a fraction or a number that is too large.
template <class Count>
Count count_at(const Json& json, const char* key) {
    const Json& value = json.at(key);
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > std::numeric_limits<Count>::max())
        throw Unfit(fmt::format("\"{}\" is not a count", key));
    return value.get<Count>();
}

const Json& list_at(const Json& json, const char* key) {
    if (!json.at(key).is_array()) throw Unfit(fmt::format("\"{}\" is not a list", key));
    return json.at(key);
}

Mode mode_at(const Json& json) {
    const auto text = json.at("mode").get<std::string>();
    for (const Mode mode : {Mode::directed, Mode::free, Mode::explore})
        if (text == to_string(mode)) return mode;
    throw Unfit(fmt::format("there is no mode \"{}\"", text));
}

Observing observing_at(const Json& json) {
    const auto text = json.value("observe", to_string(Observing::stops));
    if (const auto observing = parse_observing(text)) return *observing;
    throw Unfit(fmt::format("there is no way \"{}\" to observe", text));
}

Verdict verdict_at(const Json& json) {
    const auto text = json.at("verdict").get<std::string>();
    if (const auto verdict = parse_verdict(text)) return *verdict;
    throw Unfit(fmt::format("there is no verdict \"{}\"", text));
}

std::set<std::string> oracles_at(const Json& json) {
    auto oracles = json.at("oracles").get<std::set<std::string>>();
    for (const auto& oracle : oracles)
        if (std::ranges::find(oracle_names(), oracle) == oracle_names().end())
            throw Unfit(fmt::format("there is no oracle \"{}\"", oracle));
    return oracles;
}

Interleaving order_of(const Json& list) {
    Interleaving order;
    for (const auto& one : list)
        order.push_back({one.at("actor").get<std::string>(), one.at("at").get<std::string>(),
                         count_at<unsigned>(one, "nth"), one.at("to").get<std::string>(),
                         one.at("forced").get<bool>()});
    return order;
}

unsigned number_at(const Json& json) {
    const auto number = count_at<unsigned>(json, "number");
    if (number == 0) throw Unfit("trials are numbered from 1");
    return number;
}

TrialResult result_of(const Json& json) {
    TrialResult result;
    result.number = number_at(json);
    result.verdict = verdict_at(json);
    result.as_expected = json.at("as_expected").get<bool>();
    result.reason = json.at("reason").get<std::string>();
    if (json.contains("host")) result.host = json.at("host").get<std::string>();
    result.choices = json.at("choices").get<std::map<std::string, std::string>>();
    result.seed = count_at<std::uint64_t>(json, "seed");
    result.stops = count_at<std::uint64_t>(json, "stops");
    if (json.contains("observed")) result.observed = count_at<std::size_t>(json, "observed");
    if (json.contains("checks")) result.checks = json.at("checks").get<std::map<std::string, std::uint64_t>>();
    if (json.contains("unobserved")) result.unobserved = json.at("unobserved").get<std::string>();
    const Json& seconds = json.at("seconds");
    result.restore_seconds = seconds.at("restore").get<double>();
    result.schedule_seconds = seconds.at("schedule").get<double>();
    result.verdict_seconds = seconds.at("verdict").get<double>();
    result.order = order_of(list_at(json, "order"));
    result.order_came_to_pass = json.at("order_came_to_pass").get<bool>();
    for (const auto& one : list_at(json, "findings")) {
        auto finding = read_finding(one, Reading::strict);
        if (!finding) throw Unfit(finding.error().message);
        result.findings.push_back(std::move(*finding));
    }
    return result;
}

}  // namespace

std::string line_of(const Json& json) { return json_line(json); }

nlohmann::ordered_json order_json(const Interleaving& order) {
    auto list = nlohmann::ordered_json::array();
    for (const auto& one : order)
        list.push_back(
            {{"actor", one.actor}, {"at", one.at}, {"nth", one.nth}, {"to", one.to}, {"forced", one.forced}});
    return list;
}

Json recipe_json(const TrialSpec& spec) {
    const KernelImage& kernel = spec.guest->order.kernel;
    const TrialOptions& manner = spec.manner;
    Json json = {{"schema", kRecipeSchema},
                 {"memrig", MEMRIG_VERSION},
                 {"scenario", spec.scenario.name},
                 {"arm", spec.arm.name},
                 {"kernel", {{"id", kernel.id}, {"sha256", kernel.sha256}, {"release", spec.guest->hello.release}}},
                 {"bench", spec.guest->order.bench.name},
                 {"emulator", spec.guest->order.bench.emulator.id},
                 {"qemu", spec.guest->qemu_version},
                 {"accelerator", to_string(spec.guest->order.accelerator)},
                 {"number", spec.number},
                 {"seed", spec.seed},
                 {"attributes", spec.attributes},
                 {"mode", to_string(manner.mode)},
                 {"oracles", manner.oracles},
                 {"preemptions", manner.preemptions},
                 {"points", points_of(manner, spec.scenario)},
                 {"settings", manner.settings},
                 {"ledger", manner.ledger},
                 {"lock_trace", manner.lock_trace},
                 {"order", Json(order_json(spec.order))},
                 {"scenario_text", spec.scenario.text}};
    if (manner.observe != Observing::stops) json["observe"] = to_string(manner.observe);
    if (is_kernel_path(kernel.id) && !kernel.modules.empty()) json["kernel"]["modules"] = kernel.modules.string();
    if (!spec.host.empty()) json["host"] = spec.host;
    return json;
}

Result<TrialRecipe> read_recipe(const fs::path& trial_directory) {
    const fs::path path = trial_directory / "trial.json";
    const auto text = read_file(path, kMostRecipeBytes);
    std::error_code code;
    if (!text && fs::exists(path, code)) return fail(Fault::user_input, "{}", text.error().message);
    if (!text)
        return fail_with({Fault::user_input,
                          fmt::format("{} is not a trial's directory: it has no trial.json", trial_directory.string()),
                          {}},
                         "give a directory that a run left: RUN/SCENARIO/KERNEL/ARM/NUMBER");
    const Json json = Json::parse(*text, nullptr, false);
    const auto schema = json.is_object() ? json.find("schema") : json.end();
    if (!json.is_object() || schema == json.end() || *schema != kRecipeSchema)
        return fail(Fault::user_input, "{} is damaged, or of another version of memrig", path.string());
    return guarded(path.string(), [&] {
        TrialRecipe recipe;
        recipe.scenario = json.at("scenario").get<std::string>();
        recipe.scenario_text = json.at("scenario_text").get<std::string>();
        recipe.arm = json.at("arm").get<std::string>();
        recipe.kernel = json.at("kernel").at("id").get<std::string>();
        recipe.kernel_sha256 = json.at("kernel").at("sha256").get<std::string>();
        recipe.kernel_release = json.at("kernel").at("release").get<std::string>();
        recipe.modules = json.at("kernel").value("modules", "");
        recipe.bench = json.at("bench").get<std::string>();
        recipe.emulator = json.at("emulator").get<std::string>();
        recipe.qemu_version = json.at("qemu").get<std::string>();
        recipe.accelerator = json.at("accelerator").get<std::string>();
        recipe.number = number_at(json);
        recipe.seed = count_at<std::uint64_t>(json, "seed");
        recipe.attributes = json.at("attributes").get<std::map<std::string, std::string>>();
        recipe.manner.mode = mode_at(json);
        recipe.manner.oracles = oracles_at(json);
        recipe.manner.preemptions = count_at<unsigned>(json, "preemptions");
        recipe.manner.points = json.at("points").get<std::vector<std::string>>();
        recipe.manner.settings = json.at("settings").get<std::vector<std::string>>();
        recipe.manner.ledger = json.at("ledger").get<bool>();
        recipe.manner.lock_trace = json.at("lock_trace").get<bool>();
        recipe.manner.observe = observing_at(json);
        recipe.order = order_of(list_at(json, "order"));
        return recipe;
    });
}

Json verdict_json(const TrialResult& result) {
    Json findings = Json::array();
    for (const auto& finding : result.findings) findings.push_back(Json(finding_json(finding)));
    Json json = {{"schema", 1},
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
                 {"order", Json(order_json(result.order))},
                 {"order_came_to_pass", result.order_came_to_pass},
                 {"findings", std::move(findings)}};
    if (!result.checks.empty()) json["checks"] = result.checks;
    if (result.observed) json["observed"] = *result.observed;
    if (!result.unobserved.empty()) json["unobserved"] = result.unobserved;
    if (!result.host.empty()) json["host"] = result.host;
    return json;
}

Result<TrialResult> read_verdict(const fs::path& trial_directory) {
    const fs::path path = trial_directory / "verdict.json";
    const auto text = read_file(path, kMostVerdictBytes);
    std::error_code code;
    if (!text && fs::exists(path, code)) return fail(Fault::user_input, "{}", text.error().message);
    if (!text) return fail(Fault::user_input, "{} does not exist: the trial came to no verdict", path.string());
    return guarded(path.string(), [&] { return result_of(Json::parse(*text)); });
}

Json outcome_json(const TrialOutcome& outcome) {
    Json orders = Json::array();
    for (const auto& order : outcome.branches.orders) orders.push_back(Json(order_json(order)));
    return {{"trial", verdict_json(outcome.result)},
            {"directory", outcome.result.directory.generic_string()},
            {"missing_points", outcome.missing_points},
            {"branches",
             {{"orders", std::move(orders)},
              {"infeasible", outcome.branches.infeasible},
              {"points_passed", outcome.branches.points_passed}}}};
}

Result<TrialOutcome> read_outcome(const std::string& text, const std::string& where) {
    return guarded(where, [&] {
        const Json json = Json::parse(text);
        TrialOutcome outcome;
        outcome.result = result_of(json.at("trial"));
        outcome.result.directory = json.at("directory").get<std::string>();
        outcome.missing_points = json.at("missing_points").get<std::vector<std::string>>();
        const Json& branches = json.at("branches");
        for (const auto& order : list_at(branches, "orders")) outcome.branches.orders.push_back(order_of(order));
        outcome.branches.infeasible = count_at<std::size_t>(branches, "infeasible");
        outcome.branches.points_passed = count_at<std::size_t>(branches, "points_passed");
        return outcome;
    });
}

}  // namespace memrig
