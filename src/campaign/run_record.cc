#include "campaign/run_record.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json_text.h"
#include "oracle/verdict.h"

namespace memrig {

namespace {

using PlainJson = nlohmann::json;

std::string text_at(const PlainJson& object, const char* key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

const PlainJson& list_at(const PlainJson& object, const char* key) {
    static const PlainJson none = PlainJson::array();
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found != object.end() && found->is_array() ? *found : none;
}

template <typename Number>
Number number_at(const PlainJson& object, const char* key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found != object.end() && found->is_number() ? found->get<Number>() : Number{};
}

// The setting of the trials of an arm. A kernel may be there once for each bench, with the same release.
Provenance setting_of(const PlainJson& json, const PlainJson& arm) {
    Provenance setting;
    setting.memrig = text_at(json, "memrig");
    setting.qemu = text_at(json, "qemu");
    setting.accelerator = text_at(json, "accelerator");
    const PlainJson& kernels = list_at(json, "kernels");
    for (const auto& kernel : kernels) {
        if (kernels.size() > 1 && text_at(kernel, "id") != text_at(arm, "kernel")) continue;
        setting.release = text_at(kernel, "release");
        setting.sha256 = text_at(kernel, "sha256");
    }
    setting.bench = text_at(arm, "bench");
    setting.mode = text_at(arm, "mode");
    for (const auto& verdict : list_at(arm, "expected"))
        if (verdict.is_string())
            setting.expected += (setting.expected.empty() ? "" : ", ") + verdict.get<std::string>();
    return setting;
}

CellProgress arm_progress(const PlainJson& arm) {
    CellProgress cell;
    cell.cell = {text_at(arm, "scenario"), text_at(arm, "kernel"), text_at(arm, "bench"), text_at(arm, "arm")};
    cell.cell.trials = number_at<unsigned>(arm, "trials_asked");
    cell.skipped = text_at(arm, "skipped");
    cell.not_set_up = text_at(arm, "not_set_up");
    return cell;
}

// False if the trial has no verdict.
bool add_trial(RunRecord& run, const PlainJson& trial, std::size_t cell, const Provenance& setting) {
    StoredResult result;
    result.verdict = text_at(trial, "verdict");
    if (!parse_verdict(result.verdict)) return false;
    result.trial = {cell, number_at<unsigned>(trial, "number")};
    result.reason = text_at(trial, "reason");
    result.as_expected = trial.value("as_expected", PlainJson()) == PlainJson(true);
    result.directory = text_at(trial, "directory");
    result.findings = json_line(list_at(trial, "findings"));
    result.seconds = number_at<double>(trial.value("seconds", PlainJson::object()), "verdict");
    if (!std::isfinite(result.seconds)) result.seconds = 0;
    if (const auto checks = trial.find("checks"); checks != trial.end() && checks->is_object())
        result.checks = json_line(*checks);
    if (const auto seed = trial.find("seed"); seed != trial.end() && seed->is_number_unsigned())
        result.seed = seed->get<std::uint64_t>();
    result.setting = setting;
    result.attempts = 1;
    CellProgress& progress = run.record.cells[cell];
    progress.verdicts[result.verdict]++;
    progress.done++;
    progress.as_expected += result.as_expected;
    progress.seconds += result.seconds;
    run.record.results.push_back(std::move(result));
    return true;
}

}  // namespace

Result<RunRecord> read_run_record(const fs::path& directory) {
    const fs::path path = directory / "results.json";
    const auto text = read_file(path);
    if (!text) return fail(Fault::user_input, "{}", text.error().message);
    const PlainJson json = PlainJson::parse(*text, nullptr, false);
    const auto damaged = [&] { return fail(Fault::user_input, "{}: not the JSON that memrig writes", path.string()); };
    if (!json.is_object() || !json.contains("arms") || !json["arms"].is_array()) return damaged();
    RunRecord run;
    run.record.seed = number_at<std::uint64_t>(json, "seed");
    run.record.started = text_at(json, "started");
    run.interrupted = json.value("interrupted", PlainJson()) == PlainJson(true);
    run.exit_status = number_at<int>(json, "exit_status");
    run.seconds = number_at<double>(json, "seconds");
    for (const auto& arm : json["arms"]) {
        const std::size_t cell = run.record.cells.size();
        run.record.cells.push_back(arm_progress(arm));
        const Provenance setting = setting_of(json, arm);
        for (const auto& trial : list_at(arm, "trial_results"))
            if (!add_trial(run, trial, cell, setting)) return damaged();
    }
    return run;
}

}  // namespace memrig
