// An elision and the source mutant that does the same get the same verdict.
#include <algorithm>

#include <gtest/gtest.h>

#include "base/file.h"
#include "integration/one_trial.h"
#include "kernel/source_mutant.h"
#include "scenario/scenario.h"

namespace memrig {
namespace {

Verdict only_verdict(Host& backend, const fs::path& out, const std::string& scenario, const std::string& kernel,
                     const std::string& arm) {
    test::QuietObserver observer;
    RunSpec order = test::one_trial({scenario}, kernel, out);
    order.arm = arm;
    const auto results = run_scenarios(order, backend, observer);
    EXPECT_TRUE(results) << results.error().line();
    return results ? results->arms.at(0).trials.at(0).verdict : Verdict::rig_fault;
}

// Those that name none are for all that are built for amd64.
std::string parent_of(const std::string& mutant) {
    const auto mutants = source_mutants();
    if (!mutants) return "no mutants: " + mutants.error().line();
    const auto found = std::ranges::find(*mutants, mutant, &SourceMutant::name);
    if (found == mutants->end()) return "no mutant " + mutant;
    return found->parents.empty() ? "ref-6.12-amd64" : found->parents.front();
}

TEST(Elisions, AreConvictedAsTheirSourceMutantsAre) {
    const auto directory = TemporaryDirectory::make("memrig-elisions");
    ASSERT_TRUE(directory);
    const auto backend = make_qemu_backend();
    unsigned compared = 0;
    for (const auto& name : scenario_names()) {
        const auto scenario = load_scenario(name);
        ASSERT_TRUE(scenario);
        for (const auto& arm : scenario->arms) {
            if (arm.mutant.empty()) continue;
            const std::string kernel = parent_of(arm.mutant);
            const fs::path out = directory->path() / fmt::format("{}", compared++);
            const Verdict elided = only_verdict(*backend, out / "elision", name, kernel, arm.name);
            const Verdict patched = only_verdict(*backend, out / "source", name, kernel + "+" + arm.mutant, "control");
            EXPECT_EQ(to_string(elided), to_string(patched)) << name << ", arm " << arm.name;
        }
    }
    EXPECT_GE(compared, 2u);
}

}  // namespace
}  // namespace memrig
