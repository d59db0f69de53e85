#include "report/results_json.h"

#include <cmath>

#include "base/json_text.h"
#include "oracle/finding_json.h"
#include "report/summary.h"
#include "run/trial_json.h"

namespace memrig {

namespace {

using Json = nlohmann::ordered_json;

// Rounds to microseconds, the resolution of the measurements; more digits would be noise.
double rounded(double seconds) { return std::isfinite(seconds) ? std::round(seconds * 1e6) / 1e6 : 0; }

Json verdict_counts(const std::map<Verdict, unsigned>& counts) {
    Json json = Json::object();
    for (const auto& [verdict, count] : counts) json[to_string(verdict)] = count;
    return json;
}

Json choice_counts(const ChoiceCounts& counts) {
    Json json = Json::object();
    for (const auto& [key, values] : counts)
        for (const auto& [value, verdicts] : values) json[key][value] = verdict_counts(verdicts);
    return json;
}

Json spread(const ArmResult& arm, double TrialResult::* seconds) {
    const Spread spread = spread_of(times_of(arm, seconds));
    return {{"median", rounded(spread.median)}, {"p95", rounded(spread.p95)}};
}

Json trial_json(const TrialResult& trial) {
    Json json = {{"number", trial.number}, {"seed", trial.seed}};
    json["choices"] = Json::object();
    for (const auto& [key, value] : trial.choices) json["choices"][key] = value;
    json["verdict"] = to_string(trial.verdict);
    json["as_expected"] = trial.as_expected;
    json["reason"] = trial.reason;
    json["findings"] = Json::array();
    for (const auto& finding : trial.findings) json["findings"].push_back(finding_json(finding));
    json["seconds"] = {{"restore", rounded(trial.restore_seconds)},
                       {"schedule", rounded(trial.schedule_seconds)},
                       {"verdict", rounded(trial.verdict_seconds)}};
    json["stops"] = trial.stops;
    if (!trial.checks.empty()) json["checks"] = trial.checks;
    if (trial.observed) json["observed"] = *trial.observed;
    if (!trial.unobserved.empty()) json["unobserved"] = trial.unobserved;
    if (!trial.order.empty()) json["order"] = order_json(trial.order);
    if (!trial.order_came_to_pass) json["order_came_to_pass"] = false;
    if (!trial.host.empty()) json["host"] = trial.host;
    json["directory"] = trial.directory.generic_string();
    return json;
}

Json explored_json(const ArmResult& arm) {
    const ExploreSummary& explored = *arm.explored;
    return {{"preemptions", explored.preemptions},
            {"points", explored.points},
            {"missing_points", explored.missing_points},
            {"orders", explored.known},
            {"run", arm.trials.size()},
            {"infeasible_switches", explored.infeasible},
            {"most_points_passed", explored.points_passed},
            {"stopped_at_first", explored.stopped_at_first}};
}

Json rate_json(const ArmResult& arm) {
    const Occurrence seen = free_occurrence(arm);
    Json json = {{"seen", seen.seen},
                 {"trials", seen.trials},
                 {"rate", seen.rate},
                 {"interval_95", {seen.interval.low, seen.interval.high}}};
    if (seen.to_see) json["trials_for_99"] = *seen.to_see;
    if (seen.seconds_to_first) json["seconds_to_first"] = rounded(*seen.seconds_to_first);
    return json;
}

Json arm_json(const ArmResult& arm) {
    Json json = {{"scenario", arm.scenario}, {"kernel", arm.kernel},   {"bench", arm.bench},
                 {"arm", arm.arm},           {"purpose", arm.purpose}, {"mode", to_string(arm.mode)}};
    json["expected"] = Json::array();
    for (const Verdict verdict : arm.expected) json["expected"].push_back(to_string(verdict));
    json["trials_asked"] = arm.trials_asked;
    if (!arm.skipped.empty()) json["skipped"] = arm.skipped;
    if (arm.not_set_up) json["not_set_up"] = arm.not_set_up->line();
    json["trials"] = arm.trials.size();
    json["verdicts"] = verdict_counts(arm.counts());
    json["held_with_gaps"] = arm.held_with_gaps();
    json["as_expected"] = arm.as_expected();
    json["verdicts_by_choice"] = choice_counts(counts_by_choice(arm));
    if (arm.explored) json["explored"] = explored_json(arm);
    if (arm.mode == Mode::free) json["rate"] = rate_json(arm);
    json["seconds"] = {{"restore", spread(arm, &TrialResult::restore_seconds)},
                       {"schedule", spread(arm, &TrialResult::schedule_seconds)},
                       {"verdict", spread(arm, &TrialResult::verdict_seconds)}};
    json["trial_results"] = Json::array();
    for (const auto& trial : arm.trials) json["trial_results"].push_back(trial_json(trial));
    return json;
}

}  // namespace

Json results_json(const RunResults& results) {
    Json json = {{"schema", kResultsSchema},
                 {"memrig", results.memrig_version},
                 {"qemu", results.qemu_version},
                 {"accelerator", results.accelerator},
                 {"started", results.started},
                 {"seconds", rounded(results.seconds)},
                 {"seed", results.seed},
                 {"jobs", results.jobs},
                 {"interrupted", results.interrupted},
                 {"exit_status", results.exit_status()}};
    json["kernels"] = Json::array();
    for (const auto& kernel : results.kernels)
        json["kernels"].push_back({{"id", kernel.id},
                                   {"release", kernel.release},
                                   {"sha256", kernel.sha256},
                                   {"boot_seconds", rounded(kernel.boot_seconds)}});
    for (const auto& host : results.hosts) {
        Json share = {{"name", host.name}, {"qemu", host.qemu_version}, {"trials", host.trials}};
        if (!host.lost.empty()) share["lost"] = host.lost;
        json["hosts"].push_back(std::move(share));
    }
    json["arms"] = Json::array();
    for (const auto& arm : results.arms) json["arms"].push_back(arm_json(arm));
    return json;
}

std::string results_json_text(const RunResults& results) { return json_document(results_json(results)); }

}  // namespace memrig
