#include "report/campaign_reports.h"

#include <algorithm>
#include <cmath>
#include <ctime>

#include "base/assert.h"
#include "base/text.h"
#include "campaign/limits.h"
#include "report/kernel_table.h"
#include "report/ktap.h"

namespace memrig {

namespace {

constexpr std::size_t kMostLines = 200;  // of an explanation

std::vector<Verdict> verdicts_of(std::string_view list) {
    std::vector<Verdict> verdicts;
    while (!list.empty()) {
        const auto end = list.find(", ");
        if (const auto verdict = parse_verdict(list.substr(0, end))) verdicts.push_back(*verdict);
        list.remove_prefix(end == list.npos ? list.size() : end + 2);
    }
    return verdicts;
}

ArmResult arm_of(const CellProgress& one) {
    ArmResult arm;
    arm.scenario = one.cell.scenario;
    arm.kernel = one.cell.kernel;
    arm.bench = one.cell.bench.empty() ? "-" : one.cell.bench;
    arm.arm = one.cell.arm;
    arm.trials_asked = one.cell.trials;
    arm.skipped = one.skipped;
    if (!one.not_set_up.empty()) arm.not_set_up = Error{Fault::guest, one.not_set_up, {}};
    return arm;
}

std::string rate_text(const CellSummary& cell) {
    const Interval rate = cell.rate();
    return fmt::format("{:.0f}% to {:.0f}%", 100 * rate.low, 100 * rate.high);
}

}  // namespace

RunResults run_results_of(const CampaignRecord& record) {
    RunResults results;
    results.started = record.started;
    Plan plan;
    plan.seed = record.seed;
    results.seed = record.seed;
    for (const auto& cell : record.cells) results.arms.push_back(arm_of(cell));
    for (const auto& one : record.results) {
        const Provenance& setting = one.setting;
        if (!setting.memrig.empty()) results.memrig_version = setting.memrig;
        if (!setting.qemu.empty()) results.qemu_version = setting.qemu;
        if (!setting.accelerator.empty()) results.accelerator = setting.accelerator;
        ArmResult& arm = results.arms[one.trial.cell];
        if (!setting.bench.empty()) arm.bench = setting.bench;
        if (arm.expected.empty()) arm.expected = verdicts_of(setting.expected);
        const auto same = [&](const KernelIdentity& kernel) {
            return kernel.id == arm.kernel && kernel.sha256 == setting.sha256;
        };
        if (!setting.sha256.empty() && std::ranges::none_of(results.kernels, same))
            results.kernels.push_back({arm.kernel, setting.release, setting.sha256, 0});
        TrialResult trial;
        trial.number = one.trial.number;
        trial.seed = one.seed.value_or(plan.seed_of(record.cells[one.trial.cell].cell, one.trial.number));
        trial.verdict = parse_verdict(one.verdict).value_or(Verdict::rig_fault);
        trial.reason = one.reason;
        trial.findings = parse_findings(one.findings);
        trial.as_expected = one.as_expected;
        trial.verdict_seconds = one.seconds;
        trial.directory = one.directory;
        arm.trials.push_back(std::move(trial));
    }
    name_kernels(results);
    return results;
}

Outcome outcome_of(const CampaignReport& report, std::size_t result) {
    MEMRIG_ASSERT(result < report.record.results.size() && result < report.night.known_results.size(),
                  "the result is one of the record's, and its summary is of the same record");
    const StoredResult& one = report.record.results[result];
    MEMRIG_ASSERT(one.trial.cell < report.night.cells.size(), "a record has the cells of its results");
    if (one.verdict == to_string(Verdict::rig_fault)) return Outcome::rig_broken;
    if (one.as_expected) return Outcome::passed;
    if (report.night.known_results[result]) return Outcome::known;
    const bool control = report.night.cells[one.trial.cell].is_control();
    return control && convicts(one.verdict) ? Outcome::failed : Outcome::undecided;
}

std::string known_text(const CampaignReport& report, const StoredResult& result) {
    const auto& findings = report.night.cells[result.trial.cell].findings;
    for (const auto& finding : parse_findings(result.findings)) {
        const auto found = findings.find(fingerprint_of(finding).hash);
        if (found != findings.end() && found->second.state == KnownState::known) return found->second.known;
    }
    return "";
}

std::vector<std::string> explanation(const CampaignReport& report, const StoredResult& result) {
    std::vector<std::string> lines = {one_line(result.reason)};
    for (const auto& finding : parse_findings(result.findings)) {
        const std::string hash = accuses(finding) ? fmt::format(" [{}]", fingerprint_of(finding).hash) : "";
        lines.push_back(fmt::format("{}: {}{}: {}", one_line(finding.oracle), to_string(finding.verdict), hash,
                                    one_line(finding.summary)));
        for (const auto& detail : finding.details) {
            if (lines.size() >= kMostLines) break;
            lines.push_back("  " + one_line(detail));
        }
    }
    const std::string evidence = one_line((report.night.directory / result.directory).string());
    lines.push_back("evidence: " + evidence);
    lines.push_back("again: memrig replay " + evidence);
    return lines;
}

// A run gives each trial its own seed and the number of the trial.
std::uint64_t run_seed_of(const CampaignReport& report, const StoredResult& result) {
    if (result.seed && *result.seed > 0) return *result.seed - 1;
    Plan plan;
    plan.seed = report.record.seed;
    return plan.seed_of(report.record.cells[result.trial.cell].cell, result.trial.number);
}

std::string start_of(const StoredResult& result) {
    std::tm parts = {};
    const char* rest = ::strptime(result.ended.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
    if (rest == nullptr || *rest != '\0' || !std::isfinite(result.seconds)) return "";
    const std::time_t began = ::timegm(&parts) - static_cast<std::time_t>(std::clamp(result.seconds, 0.0, 1e9));
    char text[32];
    return ::gmtime_r(&began, &parts) != nullptr && std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) > 0
               ? text
               : "";
}

// The limits come first, where a parser of KTAP skips what it does not know.
std::string campaign_ktap(const CampaignReport& report) {
    std::string text = ktap_text(run_results_of(report.record));
    std::string limits;
    for (const auto& line : limits_lines(limits_of(report.record, report.night))) limits += "# " + line + "\n";
    const std::size_t plan = text.find('\n', text.find('\n') + 1) + 1;  // behind the version and the plan
    return text.insert(plan, limits);
}

std::string campaign_kernels(const CampaignReport& report) {
    return kernel_table_markdown(run_results_of(report.record));
}

std::string campaign_markdown(const CampaignReport& report) {
    const CampaignSummary& night = report.night;
    std::uint64_t done = 0, good = 0, known = 0;
    for (const auto& cell : night.cells) {
        done += cell.progress.done;
        good += cell.progress.as_expected;
        known += cell.known;
    }
    std::string out = fmt::format("## {}\n\n{} of {} as expected{}", md_escaped(night.name), good,
                                  counted(done, "trial"), known == 0 ? "" : fmt::format(", {} known", known));
    out += fmt::format("; {} to {}", night.started.empty() ? "not begun" : night.started,
                       night.ended.empty() ? "no result yet" : night.ended);
    for (const auto& release : night.releases) out += "; " + md_escaped(release);
    for (const auto& version : night.versions) out += "; memrig " + md_escaped(version);
    out +=
        "\n\n| scenario | kernel | arm | as expected | 95% interval | verdicts | time of a trial |\n"
        "| --- | --- | --- | --- | --- | --- | --- |\n";
    for (const auto& cell : night.cells) {
        const PlanCell& names = cell.progress.cell;
        out += fmt::format("| {} | {} | {}{} | ", md_escaped(names.scenario), md_escaped(names.shown_kernel()),
                           md_escaped(names.arm), names.bench.empty() ? "" : " on " + md_escaped(names.bench));
        if (!cell.progress.skipped.empty()) {
            out += fmt::format("skipped | | {} | |\n", md_escaped(cell.progress.skipped));
            continue;
        }
        if (!cell.progress.not_set_up.empty()) {
            out += fmt::format("**not set up** | | {} | |\n", md_escaped(cell.progress.not_set_up));
            continue;
        }
        const bool bad = cell.good() != cell.progress.done;
        out += fmt::format("{0}{1} of {2}{0}{3} | {4} | {5} | {6} |\n", bad ? "**" : "", cell.progress.as_expected,
                           cell.progress.done, cell.known == 0 ? "" : fmt::format(", {} known", cell.known),
                           rate_text(cell), md_escaped(counts_text(cell.progress.verdicts)),
                           cell.seconds.count == 0 ? "" : short_time(cell.seconds.median));
    }
    bool any = false;
    for (const auto& cell : night.cells)
        for (const auto& [hash, finding] : cell.findings) {
            // The findings of a mutant arm that did as expected need no attention.
            if (cell.good() == cell.progress.done && cell.known == 0) continue;
            if (!std::exchange(any, true)) out += "\n### Findings in arms with unexpected results\n\n";
            out +=
                fmt::format("- `{}` {}: {} in {}{}; evidence of #{}: {}\n", hash, md_escaped(finding.fingerprint.text),
                            md_escaped(cell.progress.cell.title()), counted(finding.trials, "trial"),
                            finding.known.empty() ? "" : "; " + md_escaped(finding.known), finding.first,
                            md_escaped(finding.evidence.generic_string()));
        }
    if (!night.notes.empty()) out += "\n";
    for (const auto& note : night.notes) out += "- note: " + md_escaped(note) + "\n";
    out += "\n### Limits\n\n";
    for (const auto& line : limits_lines(limits_of(report.record, night))) out += "- " + md_escaped(line) + "\n";
    return out;
}

}  // namespace memrig
