// Each oracle alone, on real kernels: a mutant that only it needs to see convicts, and the control beside it is silent.
// And the locks of a kernel that has no symbols for data.
#include <gtest/gtest.h>

#include "base/file.h"
#include "integration/one_trial.h"
#include "kernel/catalogue.h"
#include "machine/guest_store.h"

namespace memrig {
namespace {

struct Alone {
    const char* oracle;
    const char* scenario;
    const char* mutant;
    Verdict verdict;
    const char* kernel;
};

class OracleAlone : public testing::TestWithParam<Alone> {};

TEST_P(OracleAlone, ConvictsTheMutantAndNotTheControl) {
    const auto directory = TemporaryDirectory::make("memrig-oracle");
    ASSERT_TRUE(directory);
    const auto backend = make_qemu_backend();
    test::QuietObserver observer;
    for (const std::string arm : {"control", GetParam().mutant}) {
        RunSpec order = test::one_trial({GetParam().scenario}, GetParam().kernel, directory->path() / arm);
        order.arm = arm;
        order.manner.oracles = {GetParam().oracle};
        // A control that awaits nothing can hold only by the order of its locks.
        if (arm == "control") order.manner.oracles.insert("lock-order");
        const auto results = run_scenarios(order, *backend, observer);
        ASSERT_TRUE(results) << results.error().line();
        const TrialResult& trial = results->arms.at(0).trials.at(0);
        EXPECT_EQ(results->exit_status(), 0) << trial.reason;
        EXPECT_EQ(trial.verdict, arm == "control" ? Verdict::held : GetParam().verdict) << trial.reason;
        for (const auto& finding : trial.findings)
            EXPECT_TRUE(finding.oracle == GetParam().oracle || finding.oracle == "evidence" ||
                        finding.verdict == Verdict::held)
                << finding.oracle;
    }
}

INSTANTIATE_TEST_SUITE_P(
    DebianKernels, OracleAlone,
    testing::Values(
        Alone{"crash", "race/acpi-dimm-online", "mutant", Verdict::oops, "debian-6.12-amd64"},
        Alone{"deadlock", "race/acpi-dimm-online-nonuma", "mutant", Verdict::deadlock, "debian-6.1-amd64"},
        Alone{"deadlock", "validate/offline", "livelock", Verdict::hang, "debian-6.1-amd64"},
        Alone{"deadlock", "validate/offline", "livelock", Verdict::hang, "debian-6.12-amd64"},
        Alone{"rules", "race/acpi-dimm-online", "mutant", Verdict::rule_broken, "debian-6.1-amd64"},
        Alone{"lock-order", "validate/acpi-dimm-lock-order", "mutant", Verdict::lock_order, "debian-6.1-amd64"},
        Alone{"lock-order", "validate/dlpar-unplug", "mutant", Verdict::lock_order, "debian-6.1-ppc64el"},
        Alone{"accounting", "validate/acpi-dimm-lock-order", "miscounted", Verdict::accounting, "debian-6.12-amd64"}),
    [](const auto& tested) {
        std::string name = std::string(tested.param.oracle) + "_" + tested.param.mutant + "_on_" + tested.param.kernel;
        std::erase_if(name, [](unsigned char c) { return std::isalnum(c) == 0 && c != '_'; });
        return name;
    });

// As Debian's ppc64el kernel is: no CONFIG_KALLSYMS_ALL.
TEST(LocksWithoutDataSymbols, AreLearnedFromTheirTakers) {
    const auto directory = TemporaryDirectory::make("memrig-learn");
    ASSERT_TRUE(directory);
    const auto backend = make_qemu_backend();
    GuestStore store(*backend, {});
    const auto bench = load_bench("q35");
    const auto kernel = resolve_kernel("debian-6.1-amd64");
    ASSERT_TRUE(bench && kernel);
    const auto whole = store.prepare(*bench, *kernel, Accelerator::tcg);
    ASSERT_TRUE(whole) << whole.error().line();
    auto poor = std::make_shared<PreparedGuest>();
    poor->order = (*whole)->order;
    poor->key = (*whole)->key;
    poor->state = (*whole)->state;
    poor->hello = (*whole)->hello;
    std::vector<Symbol> code;
    for (const auto& symbol : (*whole)->symbols.list())
        if (std::tolower(symbol.type) == 't' || std::tolower(symbol.type) == 'w') code.push_back(symbol);
    poor->symbols = SymbolTable(std::move(code));
    ASSERT_FALSE(poor->symbols.unique("device_hotplug_lock"));
    ASSERT_FALSE(poor->symbols.unique("mem_hotplug_lock"));

    for (const char* name : {"race/acpi-dimm-online", "validate/acpi-dimm-lock-order"}) {
        const auto written = load_scenario(name);
        ASSERT_TRUE(written);
        const Scenario scenario = fitted_to(*bench, *written);
        for (const auto& arm : scenario.arms) {
            if (arm.name == "miscounted") continue;
            TrialSpec order{poor, scenario, arm, 1, 0, {{"onliner", "online"}}, directory->path() / name / arm.name,
                            {},   {}};
            const auto outcome = run_trial(*backend, order);
            ASSERT_TRUE(outcome) << outcome.error().line();
            EXPECT_TRUE(outcome->result.as_expected)
                << name << " " << arm.name << ": " << to_string(outcome->result.verdict) << ": "
                << outcome->result.reason;
        }
    }
}

}  // namespace
}  // namespace memrig
