#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/exit_status.h"
#include "base/text.h"
#include "campaign/status.h"
#include "page/parts.h"

namespace memrig::page {

namespace {

constexpr std::size_t kMostVersions = 8;
constexpr std::size_t kMostKernels = 24;

// Explains the exit status of `campaign run`.
std::string exit_words(int status, const CampaignSum& counts) {
    switch (status) {
        case kExitGood:
            return fmt::format("every result{} is as expected{}", counts.done < counts.planned ? " so far" : "",
                               counts.known == 0 ? "" : " or known");
        case kExitNotAsExpected: return fmt::format("{} not as expected", counted(counts.unexpected(), "result"));
        case kExitRigFault: return "the rig itself failed in at least one trial";
        case kExitNothingRun:
            if (counts.not_set_up > 0) return counted(counts.not_set_up, "arm") + " could not be set up";
            return counts.done == 0 ? "nothing was run, so nothing is shown" : "an arm has no result yet";
        case kExitInterrupted: return "interrupted before its end";
        default: return "";
    }
}

Look look_of_status(int status) {
    switch (status) {
        case kExitGood: return {"good", "✓"};
        case kExitNotAsExpected: return {"bad", "✗"};
        case kExitRigFault: return {"fault", "!"};
        default: return {"undecided", "?"};
    }
}

// Lists the values, each once, in order; "not stored" if an older memrig did not store them.
std::string versions(const CampaignRecord& record, std::string Provenance::* what) {
    std::set<std::string> seen;
    for (const auto& result : record.results)
        if (!(result.setting.*what).empty()) seen.insert(result.setting.*what);
    if (seen.empty()) return "not stored";
    std::string text;
    std::size_t shown = 0;
    for (const auto& one : seen) {
        if (shown++ == kMostVersions) return text + fmt::format("; {} more", seen.size() - kMostVersions);
        text += (text.empty() ? "" : "; ") + bounded(one, 120);
    }
    return text;
}

void add_kernels(Element& parent, const CampaignRecord& record) {
    std::map<std::string, std::set<std::pair<std::string, std::string>>> kernels;  // release and SHA-256 by name
    for (const auto& cell : record.cells) kernels[cell.cell.shown_kernel()];
    for (const auto& result : record.results)
        if (result.trial.cell < record.cells.size() && !result.setting.release.empty())
            kernels[record.cells[result.trial.cell].cell.shown_kernel()].emplace(result.setting.release,
                                                                                 result.setting.sha256);
    Element rows = add_table(parent, "Kernels", {"kernel", "release", "SHA-256 of the image"});
    std::size_t shown = 0, left = 0;
    for (const auto& [id, builds] : kernels) {
        auto list = builds.empty() ? std::set<std::pair<std::string, std::string>>{{"not stored", ""}} : builds;
        for (const auto& [release, sha256] : list) {
            if (shown == kMostKernels) {
                left++;
                continue;
            }
            shown++;
            Element row = rows.add("tr");
            row.add("th", bounded(id, 80)).set("scope", "row");
            row.add("td", bounded(release, 80));
            row.add("td").add("code", bounded(sha256, 64));
        }
    }
    add_left_out(parent, left, "more kernel");
}

}  // namespace

void add_fact(Element& list, const char* name, const std::string& value) {
    list.add("dt", name);
    list.add("dd", value);
}

Element add_section(Element& parent, const std::string& id, std::string_view title) {
    Element section = parent.add("section").set("id", id).set("aria-labelledby", id + "-title");
    section.add("h2", title).set("id", id + "-title");
    return section;
}

void add_left_out(Element& parent, std::size_t n, std::string_view noun) {
    if (n > 0) parent.add("p", fmt::format("{} left out.", counted(n, noun))).css("left-out");
}

void add_summary(Element& parent, const Subject& subject, const std::vector<Group>& groups) {
    const LoadedCampaign& now = subject.results;
    const CampaignRecord& record = now.record;
    const CampaignSum counts = sum_of(record.cells);
    const int status = subject.exit_status.value_or(campaign_exit_status(record.cells));
    const Look look = look_of_status(status);
    Element section = add_section(parent, "summary", "Summary");
    section
        .add("p", fmt::format("{} {} of {} trials done, {} as expected{}: {}.", look.sign, counts.done, counts.planned,
                              counts.as_expected, counts.known == 0 ? "" : fmt::format(", {} known", counts.known),
                              exit_words(status, counts)))
        .css(std::string("banner ") + look.css);
    Element facts = section.add("dl").css("facts");
    if (!record.started.empty()) add_fact(facts, "Begun", bounded(record.started, 40));
    if (subject.is_campaign())
        add_fact(facts, "Last result", record.ended.empty() ? "none yet" : bounded(record.ended, 40));
    for (const auto& [name, value] : subject.facts) add_fact(facts, name.c_str(), bounded(value, 200));
    add_fact(facts, "Exit status", fmt::format("{}: {}", status, exit_words(status, counts)));
    add_fact(
        facts, "Arms",
        fmt::format("{}, {} of them skipped because the kernel lacks what they need{}", record.cells.size(),
                    counts.skipped, counts.not_set_up == 0 ? "" : fmt::format(", {} not set up", counts.not_set_up)));
    std::string trials = fmt::format("{} planned, {} done", counts.planned, counts.done);
    if (subject.is_campaign())
        trials += fmt::format(", {} running; {} run again because a worker, QEMU or the campaign died", counts.running,
                              counts.run_again);
    add_fact(facts, "Trials", trials);
    add_fact(facts, "Findings",
             fmt::format("{} of different kinds, {} of them in results that were not expected", groups.size(),
                         std::ranges::count_if(groups, [](const Group& one) { return one.unexpected > 0; })));
    add_fact(facts, "memrig", versions(record, &Provenance::memrig));
    add_fact(facts, "QEMU", versions(record, &Provenance::qemu));
    add_fact(facts, "Accelerator", versions(record, &Provenance::accelerator));
    add_fact(facts, "Seed", fmt::format("{}", record.seed));
    add_fact(facts, "Directory", bounded(now.night.directory.string(), 300));
    add_kernels(section, record);
    if (record.plan.empty()) return;
    Element plan = add_details(section, "The plan");
    constexpr std::size_t most = 8000;
    plan.add("pre", record.plan.substr(0, most))
        .css("wrap")
        .set("tabindex", "0")
        .set("role", "region")
        .set("aria-label", "The plan");
    if (record.plan.size() > most)
        plan.add("p", fmt::format("{} more bytes are left out.", record.plan.size() - most)).css("left-out");
}

}  // namespace memrig::page
