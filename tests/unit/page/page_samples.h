// Campaigns made by hand, for the page: a small one with evidence, a large one, and one whose guests print what would
// break out of a page.
#pragma once

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "oracle/finding_json.h"
#include "oracle/verdict.h"
#include "page/page.h"
#include "unit/support/evidence_samples.h"

namespace memrig::samples {

inline constexpr const char* kHostile =
    "</pre></script><script>alert(1)</script><img src=x onerror=alert(1)> \" onload=\"x ' &amp; "
    "\xff\x01\x1b[31m\xef\xbf\xbf\xe2\x80\xae";

inline std::string findings_json(const std::vector<Finding>& findings) {
    nlohmann::json list = nlohmann::json::array();
    for (const auto& one : findings) list.push_back(nlohmann::json(finding_json(one)));
    return list.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// Builds a record as the store reads it.
class CampaignBuilder {
public:
    CampaignBuilder(const fs::path& directory, const std::string& name, const std::string& started)
        : directory_(directory) {
        made_.record.name = name;
        made_.record.plan = "schema = 1\nname = \"" + name + "\"\n";
        made_.record.seed = 7;
        made_.record.started = started;
        made_.record.ended = started;
    }
    std::size_t arm(const std::string& scenario, const std::string& kernel, const std::string& arm, unsigned trials) {
        made_.record.cells.emplace_back().cell = {scenario, kernel, "", arm, trials};
        return made_.record.cells.size() - 1;
    }
    void skip(std::size_t cell, const std::string& why) { made_.record.cells[cell].skipped = why; }
    // `evidence`: its directory below the campaign's; where there is none, there is no evidence.
    void result(std::size_t cell, Verdict verdict, bool as_expected, const std::string& reason,
                const std::vector<Finding>& findings = {}, double seconds = 1,
                const std::string& evidence = "trials/none") {
        CellProgress& progress = made_.record.cells[cell];
        StoredResult result;
        result.trial = {cell, ++progress.done};
        result.verdict = to_string(verdict);
        result.as_expected = as_expected;
        result.reason = reason;
        result.findings = findings_json(findings);
        result.seconds = seconds;
        result.directory = evidence;
        result.setting = {"0.1.0",
                          "QEMU emulator version 7.2.22",
                          "tcg",
                          "6.1.0-50-" + progress.cell.kernel,
                          std::string(64, 'a'),
                          "q35",
                          "directed",
                          "held"};
        result.attempts = 1;
        progress.verdicts[result.verdict]++;
        progress.as_expected += as_expected;
        progress.seconds += seconds;
        made_.record.results.push_back(std::move(result));
    }
    // The result that was added last.
    StoredResult& last() { return made_.record.results.back(); }
    void evidence(const std::string& below, const Files& files) const {
        fs::create_directories(directory_ / below);
        write_evidence(files, directory_ / below);
    }
    // With the known findings of its plan, as load_campaign() reads it.
    [[nodiscard]] LoadedCampaign made() const {
        LoadedCampaign made = made_;
        made.night = summarise(made.record, directory_, parse_known(made.record.plan, "the plan").value(), today());
        made.record.cells = progress_of(made.night);
        return made;
    }
    void knows(const std::string& pattern, const std::string& reason) {
        made_.record.plan +=
            fmt::format("[[known]]\npattern = \"{}\"\nreason = \"{}\"\nexpires = 2999-01-01\n", pattern, reason);
    }

private:
    fs::path directory_;
    LoadedCampaign made_;
};

inline Finding deadlock_finding() {
    return {"deadlock",
            Verdict::deadlock,
            "adder holds mem_hotplug_lock and waits for memory32's device lock (device_del+0x1d); onliner holds "
            "memory32's device lock and "
            "waits for mem_hotplug_lock (memory_subsys_online+0x18b)",
            {"adder (kworker/0:1, pid 12)", "  |- holds     mem_hotplug_lock", "onliner (pid 90)"}};
}

inline Files crash() {
    Files files = held();
    files.console +=
        "    13.100 [    9.000000] BUG: kernel NULL pointer dereference, address: 0000000000000090\n"
        "    13.200 [    9.000001] Oops: 0000 [#1] PREEMPT SMP\n"
        "    13.300 [    9.000002] CPU: 2 PID: 157 Comm: onliner Not tainted 6.1.0 #1\n"
        "    13.400 [    9.000003] RIP: 0010:zone_for_pfn_range+0x21/0x300\n"
        "    13.500 [    9.000004] ---[ end trace 0000000000000000 ]---\n"
        "    13.600 [    9.100000] " +
        std::string(kHostile) + "\n";
    return files;
}

// Two scenarios on two kernels: a deadlock that was not expected, an oops that was, a rig fault, one not proven, an arm
// that was skipped.
inline LoadedCampaign small_campaign(const fs::path& directory) {
    CampaignBuilder campaign(directory, "small", "2026-11-22T23:00:00Z");
    const auto control = campaign.arm("race/acpi-dimm-online", "debian-6.1-amd64", "control", 3);
    const auto mutant = campaign.arm("race/acpi-dimm-online", "debian-6.1-amd64", "mutant", 2);
    const auto second = campaign.arm("race/acpi-dimm-online", "debian-6.12-amd64", "control", 2);
    campaign.skip(campaign.arm("race/dax", "debian-6.1-amd64", "control", 2), "this kernel has no dax_kmem");
    campaign.evidence("trials/0000/0002-1", deadlock());
    campaign.evidence("trials/0001/0001-1", crash());
    campaign.result(control, Verdict::held, true, "onliner was refused device_hotplug_lock");
    campaign.result(control, Verdict::deadlock, false, deadlock_finding().summary,
                    {deadlock_finding(), {"lock-order", Verdict::lock_order, "taken in both orders, with no gate", {}}},
                    2.5, "trials/0000/0002-1");
    campaign.result(control, Verdict::held, true, "onliner was refused device_hotplug_lock");
    const Finding oops{"crash",
                       Verdict::oops,
                       "onliner crashed in zone_for_pfn_range: " + std::string(kHostile),
                       {"zone_for_pfn_range+0x21/0x300", kHostile}};
    campaign.result(mutant, Verdict::oops, true, oops.summary, {oops}, 0.5, "trials/0001/0001-1");
    campaign.result(mutant, Verdict::oops, true, oops.summary, {oops}, 0.5, "trials/0001/0002-1");
    campaign.result(second, Verdict::inconclusive, false, "no end to the step: settle",
                    {{"evidence", Verdict::inconclusive, "no end to the step: settle", {}}});
    campaign.result(second, Verdict::rig_fault, false, "QEMU ended: signal 9");
    return campaign.made();
}

inline LoadedCampaign earlier_campaign(const fs::path& directory) {
    CampaignBuilder campaign(directory, "small", "2026-11-21T23:00:00Z");
    const auto control = campaign.arm("race/acpi-dimm-online", "debian-6.1-amd64", "control", 3);
    for (int i = 0; i < 3; i++)
        campaign.result(control, Verdict::held, true, "onliner was refused device_hotplug_lock");
    return campaign.made();
}

// `arms` × 20 results on five kernels; each arm's mutant has a finding of its own, and `hostile` text everywhere that a
// guest's may be.
inline LoadedCampaign large_campaign(const fs::path& directory, std::size_t arms, bool hostile) {
    CampaignBuilder campaign(directory, "large", "2026-11-22T23:00:00Z");
    std::string flood;
    if (hostile) flood = kHostile + std::string(1000, '&');  // five bytes each on a page
    Files files = deadlock();
    for (int i = 0; i < (hostile ? 1000 : 400); i++) {
        files.lock(200 + i, kAdder, "adder", i % 2 == 0 ? "takes" : "releases", "device_hotplug_lock" + flood);
        files.console += fmt::format("{:10.3f} [    1.000000] BUG: line {} {}\n", 200.0 + i, i,
                                     hostile ? std::string("</pre><script>") + std::string(300, '&') : "of the kernel");
    }
    for (std::size_t i = 0; i < arms; i++) {
        const bool mutant = i % 2 == 1;
        const auto cell = campaign.arm(fmt::format("race/scenario-{}", i / 10), fmt::format("kernel-{}", i / 2 % 5),
                                       mutant ? "mutant" : "control", 20);
        const std::string evidence = fmt::format("trials/{:04}/0001-1", i);
        if (i % 2 == 1 && i < 80) campaign.evidence(evidence, files);
        // Letters, since numbers are no part of a fingerprint.
        std::string function = "function_";
        for (std::size_t n = i + 1; n > 0; n /= 26) function += static_cast<char>('a' + n % 26);
        // A hostile finding comes once in each arm: for all of its trials it would be gigabytes.
        for (int trial = 0; trial < (hostile && mutant ? 1 : 20); trial++) {
            const std::string more = trial == 0 ? flood : "";
            if (!mutant) {
                campaign.result(cell, Verdict::held, true, "kept out " + more, {}, 0.9 + 0.01 * trial, evidence);
                continue;
            }
            const Finding finding{"crash", Verdict::oops, "onliner crashed in " + function + ": BUG: " + more,
                                  std::vector<std::string>(more.empty() ? 12 : 100, function + "+0x1/0x2 " + more)};
            campaign.result(cell, Verdict::oops, trial % 7 != 0, finding.summary, {finding}, 0.5, evidence);
        }
    }
    return campaign.made();
}

}  // namespace memrig::samples
