// Plays scenarios on one kernel, all arms, one trial each: every one for its architecture that memrig brings, or some
// on another bench than their first.
#pragma once

#include <algorithm>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/text.h"
#include "integration/one_trial.h"
#include "kernel/catalogue.h"
#include "scenario/scenario.h"

namespace memrig::test {

// The scenarios about what Debian's cloud kernels for amd64 lack: CONFIG_ARCH_MEMORY_PROBE,
// CONFIG_MEMORY_NOTIFIER_ERROR_INJECT and CONFIG_XEN_DOM0 are not set.
inline std::set<std::string> lacking_in_debian() {
    return {"race/probe-probe",     "race/xen-balloon-online",       "validate/probe",
            "validate/xen-balloon", "validate/veto-online-injected", "validate/veto-offline-injected"};
}

// The scenarios about what kernels have since v7.3: the attribute `state` of dax devices.
inline std::set<std::string> new_in_7_3() {
    return {"race/dax-state-online", "race/dax-state-unplug-online", "validate/dax-state"};
}

inline std::set<std::string> together(std::set<std::string> some, const std::set<std::string>& more) {
    some.insert(more.begin(), more.end());
    return some;
}

// The scenarios about what the ref-* kernels for amd64 lack: neither CONFIG_DEV_DAX_HMEM nor CONFIG_DMIID,
// CONFIG_LRU_GEN, CONFIG_SLUB_DEBUG, CONFIG_PROC_PAGE_MONITOR and CONFIG_HOTPLUG_PCI_ACPI are set, and nd_pmem is built
// in.
inline std::set<std::string> lacking_in_reference() {
    return {"race/acpi-dimm-device-memory", "race/device-memory-acpi-dimm", "race/dax-kmem-online",
            "race/acpi-dimm-vcpu",          "race/acpi-vcpu-dimm",          "race/acpi-vcpu-memory-online",
            "race/acpi-dimm-vcpu-online",   "race/reader-offline",          "validate/add-remove-loop",
            "validate/unplug-pinned",       "validate/nvdimm-plug",         "validate/virtio-mem-plug"};
}

// Copies the evidence of a failed trial to a place that outlives the test.
inline fs::path keep_evidence(const fs::path& run, const std::string& kernel, const fs::path& trial) {
    const fs::path kept = fs::current_path() / "failed-trials" / kernel / trial;
    std::error_code code;
    fs::remove_all(kept, code);
    fs::create_directories(kept.parent_path(), code);
    fs::copy(run / trial, kept, fs::copy_options::recursive, code);
    return kept;
}

// `lacking` are the scenarios about something that this kernel does not have: those, and no others, are to be skipped.
inline void expect_arm(const ArmResult& arm, const std::set<std::string>& lacking, const fs::path& run) {
    SCOPED_TRACE(fmt::format("{}, arm {}, on {}", arm.scenario, arm.arm, arm.bench));
    EXPECT_EQ(!arm.skipped.empty(), lacking.contains(arm.scenario)) << arm.skipped;
    if (!arm.skipped.empty()) {
        std::printf("SKIP %s, arm %s: %s\n", arm.scenario.c_str(), arm.arm.c_str(), arm.skipped.c_str());
        return;
    }
    EXPECT_EQ(arm.trials.size(), 1u);
    for (const auto& trial : arm.trials)
        if (!trial.as_expected)
            ADD_FAILURE() << to_string(trial.verdict) << ": " << trial.reason
                          << "\nits evidence: " << keep_evidence(run, arm.kernel, trial.directory).string();
}

inline void expect_as_expected(const std::vector<std::string>& scenarios, const std::string& kernel,
                               const std::string& bench, const std::set<std::string>& lacking) {
    const auto directory = TemporaryDirectory::make("memrig-every-scenario");
    ASSERT_TRUE(directory);
    const auto backend = make_qemu_backend();
    QuietObserver observer;
    ASSERT_FALSE(scenarios.empty());
    RunSpec order = one_trial(scenarios, kernel, directory->path() / "run");
    order.bench = bench;
    order.jobs = 2;
    const auto results = run_scenarios(order, *backend, observer);
    ASSERT_TRUE(results) << results.error().line();
    EXPECT_EQ(results->fault, "");
    std::set<std::string> played;
    std::size_t trials = 0;
    for (const auto& arm : results->arms) {
        expect_arm(arm, lacking, order.out);
        played.insert(arm.scenario);
        trials += arm.trials.size();
    }
    EXPECT_EQ(played.size(), order.scenarios.size());
    EXPECT_GT(trials, 0u) << "all that is skipped shows nothing";
    std::printf("%s: %s of %s in %s\n", kernel.c_str(), counted(trials, "trial").c_str(),
                counted(played.size(), "scenario").c_str(), short_time(results->seconds).c_str());
}

// Those that name a bench of the kernel's architecture.
inline void expect_every_scenario_as_expected(const std::string& kernel, const std::set<std::string>& lacking) {
    const auto entry = find_kernel(kernel);
    ASSERT_TRUE(entry) << entry.error().line();
    const auto fits = [&](const std::string& name) {
        const auto bench = load_bench(name);
        return bench && bench->arch == entry->arch;
    };
    std::vector<std::string> scenarios;
    for (const auto& name : scenario_names()) {
        const auto scenario = load_scenario(name);
        ASSERT_TRUE(scenario) << scenario.error().line();
        if (std::ranges::any_of(scenario->benches, fits)) scenarios.push_back(name);
    }
    expect_as_expected(scenarios, kernel, "", lacking);
}

}  // namespace memrig::test
