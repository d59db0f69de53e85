#include "report/ktap.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "base/text.h"
#include "report/summary.h"

namespace memrig {

namespace {

constexpr const char* kIndent = "  ";

// A '#' would end the description and begin the directive.
std::string description(std::string_view name) {
    std::string text = one_line(name);
    std::ranges::replace(text, '#', '_');
    return text;
}

void add_diagnostic(std::string& out, std::string_view indent, std::string_view text) {
    out += fmt::format("{}# {}\n", indent, one_line(text));
}

// `directive` is empty, or "SKIP" or "ERROR" with its reason.
void add_result(std::string& out, std::string_view indent, bool ok, unsigned number, std::string_view name,
                std::string_view directive) {
    out += fmt::format("{}{} {} - {}", indent, ok ? "ok" : "not ok", number, description(name));
    if (!directive.empty()) out += " # " + one_line(directive);
    out += '\n';
}

void add_trial(std::string& out, const ArmResult& arm, const TrialResult& trial) {
    const bool broken = trial.verdict == Verdict::rig_fault;
    std::string line = to_string(trial.verdict);
    if (!trial.as_expected) line += " (expected: " + verdict_list(arm.expected) + ")";
    line += fmt::format(", {}, seed {}", short_time(trial.verdict_seconds), trial.seed);
    for (const auto& [key, value] : trial.choices) line += fmt::format(", {}={}", key, value);
    if (!trial.reason.empty()) line += ": " + trial.reason;
    add_diagnostic(out, kIndent, line);
    if (!good(trial)) {
        for (const auto& finding : trial.findings)
            add_diagnostic(out, kIndent,
                           fmt::format("{}: {}: {}", finding.oracle, to_string(finding.verdict), finding.summary));
        if (!trial.directory.empty()) add_diagnostic(out, kIndent, "files: " + trial.directory.generic_string());
    }
    add_result(out, kIndent, good(trial), trial.number, fmt::format("trial {}", trial.number),
               broken ? "ERROR " + trial.reason : "");
}

void add_arm(std::string& out, const ArmResult& arm, unsigned number, const std::string& why_not_run) {
    if (!arm.skipped.empty()) return add_result(out, "", true, number, arm_name(arm), "SKIP " + arm.skipped);
    if (arm.not_set_up)
        return add_result(out, "", false, number, arm_name(arm), "ERROR not set up: " + arm.not_set_up->line());
    std::unordered_map<unsigned, const TrialResult*> trials;
    unsigned last = arm.trials_asked;
    for (const auto& trial : arm.trials) {
        trials[trial.number] = &trial;
        last = std::max(last, trial.number);
    }
    out += fmt::format("{0}KTAP version 1\n{0}1..{1}\n", kIndent, last);
    for (unsigned n = 1; n <= last; n++) {
        const auto found = trials.find(n);
        if (found != trials.end()) add_trial(out, arm, *found->second);
        else add_result(out, kIndent, true, n, fmt::format("trial {}", n), "SKIP " + why_not_run);
    }
    const std::string name = arm_name(arm);
    if (arm.trials.empty()) return add_result(out, "", true, number, name, "SKIP " + why_not_run);
    if (!arm.purpose.empty()) add_diagnostic(out, "", arm.purpose);
    add_diagnostic(out, "",
                   fmt::format("{} of {}: {}; expected: {}", arm.trials.size(), counted(arm.trials_asked, "trial"),
                               verdict_counts_text(arm), verdict_list(arm.expected)));
    add_result(out, "", good(arm), number, name, "");
}

}  // namespace

std::string ktap_text(const RunResults& results) {
    std::string out = fmt::format("KTAP version 1\n1..{}\n", results.arms.size());
    add_diagnostic(
        out, "",
        fmt::format("memrig {}, {}, {}, started {}, seed {}, {}", results.memrig_version, results.qemu_version,
                    results.accelerator, results.started, results.seed, counted(results.jobs, "job")));
    for (const auto& kernel : results.kernels)
        add_diagnostic(out, "", fmt::format("kernel {}: {}, sha256 {}", kernel.id, kernel.release, kernel.sha256));
    unsigned number = 0;
    for (const auto& arm : results.arms) add_arm(out, arm, ++number, results.interrupted ? "interrupted" : "not run");
    return out;
}

}  // namespace memrig
