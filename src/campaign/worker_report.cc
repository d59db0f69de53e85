#include "campaign/worker_report.h"

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "oracle/verdict.h"

namespace memrig {

namespace {

using PlainJson = nlohmann::json;

std::string text_of(const PlainJson& object, const char* key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

Provenance read_setting(const PlainJson& json, const PlainJson& arm) {
    Provenance setting;
    setting.memrig = text_of(json, "memrig");
    setting.qemu = text_of(json, "qemu");
    setting.accelerator = text_of(json, "accelerator");
    if (const auto kernels = json.find("kernels");
        kernels != json.end() && kernels->is_array() && kernels->size() == 1) {
        setting.release = text_of(kernels->front(), "release");
        setting.sha256 = text_of(kernels->front(), "sha256");
    }
    setting.bench = text_of(arm, "bench");
    setting.mode = text_of(arm, "mode");
    if (const auto expected = arm.find("expected"); expected != arm.end() && expected->is_array())
        for (const PlainJson& verdict : *expected)
            if (verdict.is_string())
                setting.expected += (setting.expected.empty() ? "" : ", ") + verdict.get<std::string>();
    return setting;
}

}  // namespace

std::optional<WorkerReport> read_worker_report(const fs::path& directory) {
    const auto text = read_file(directory / "results.json");
    if (!text) return std::nullopt;
    const PlainJson json = PlainJson::parse(*text, nullptr, false);
    if (!json.is_object() || !json.contains("arms") || !json["arms"].is_array() || json["arms"].size() != 1)
        return std::nullopt;
    const PlainJson& arm = json["arms"][0];
    WorkerReport report;
    report.skipped = text_of(arm, "skipped");
    report.not_set_up = text_of(arm, "not_set_up");
    if (!report.skipped.empty() || !report.not_set_up.empty()) return report;
    if (!arm.is_object() || !arm.contains("trial_results") || !arm["trial_results"].is_array() ||
        arm["trial_results"].size() != 1)
        return std::nullopt;
    const PlainJson& trial = arm["trial_results"][0];
    report.result.verdict = text_of(trial, "verdict");
    if (!parse_verdict(report.result.verdict)) return std::nullopt;
    report.result.reason = text_of(trial, "reason");
    report.result.as_expected = trial.value("as_expected", PlainJson()) == PlainJson(true);
    report.result.directory = text_of(trial, "directory");
    report.result.findings =
        trial.value("findings", PlainJson::array()).dump(-1, ' ', false, PlainJson::error_handler_t::replace);
    const PlainJson seconds = trial.value("seconds", PlainJson::object());
    if (seconds.is_object() && seconds.contains("verdict") && seconds["verdict"].is_number())
        report.result.seconds = seconds["verdict"].get<double>();
    report.result.setting = read_setting(json, arm);
    return report;
}

std::string last_line_of(const fs::path& log) {
    std::string text = read_file(log).value_or("");
    while (text.ends_with('\n')) text.pop_back();
    return text.substr(text.find_last_of('\n') + 1);
}

}  // namespace memrig
