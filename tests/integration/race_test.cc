// The main job on real kernels: control holds, mutant is convicted, for both attributes, with all the evidence on disk.
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/toml_reader.h"
#include "integration/one_trial.h"

namespace memrig {
namespace {

struct Raced {
    const char* name;
    const char* scenario;
    const char* kernel;
    Verdict mutant;
};

class Race : public testing::TestWithParam<Raced> {};

TEST_P(Race, ControlHoldsAndMutantIsConvicted) {
    auto directory = TemporaryDirectory::make("memrig-race");
    ASSERT_TRUE(directory);
    const auto backend = make_qemu_backend();
    test::QuietObserver observer;
    RunSpec order = test::one_trial({GetParam().scenario}, GetParam().kernel, directory->path() / "run");
    order.trials = 2;  // one for each attribute
    const auto results = run_scenarios(order, *backend, observer);
    ASSERT_TRUE(results) << results.error().line();
    EXPECT_EQ(results->exit_status(), 0);
    ASSERT_EQ(results->arms.size(), 2u);
    std::set<std::string> attributes;
    for (const auto& arm : results->arms) {
        EXPECT_EQ(arm.trials.size(), 2u);
        for (const auto& trial : arm.trials) {
            EXPECT_TRUE(trial.as_expected) << arm.arm << ": " << to_string(trial.verdict) << ": " << trial.reason;
            if (arm.arm == "mutant") {
                EXPECT_EQ(trial.verdict, GetParam().mutant);
            }
            attributes.insert(trial.choices.at("onliner.attribute"));
            for (const char* file :
                 {"console.log", "qmp.jsonl", "probe.log", "agent.log", "timeline.json", "locks.json", "verdict.json"})
                EXPECT_TRUE(fs::exists(order.out / trial.directory / file)) << file;
        }
    }
    EXPECT_EQ(attributes, (std::set<std::string>{"online", "state"}));
}

INSTANTIATE_TEST_SUITE_P(
    DebianKernels, Race,
    testing::Values(Raced{"Oops61", "acpi-dimm-online", "debian-6.1-amd64", Verdict::oops},
                    Raced{"Oops612", "acpi-dimm-online", "debian-6.12-amd64", Verdict::oops},
                    Raced{"Deadlock61", "acpi-dimm-online-nonuma", "debian-6.1-amd64", Verdict::deadlock},
                    Raced{"Deadlock612", "acpi-dimm-online-nonuma", "debian-6.12-amd64", Verdict::deadlock}),
    [](const auto& tested) { return std::string(tested.param.name); });

// The scenario with its elision, but another verdict is expected: a mutant that is caught otherwise is not passed.
TEST(RaceExpectations, AnotherVerdictIsNotTakenForTheExpectedOne) {
    auto directory = TemporaryDirectory::make("memrig-race");
    ASSERT_TRUE(directory);
    auto text = read_file(fs::path(MEMRIG_TEST_DATA) / ".." / "scenarios" / "race" / "acpi-dimm-online.toml");
    ASSERT_TRUE(text);
    const std::string expectation = R"(expect = ["oops", "deadlock"])";
    const auto at = text->find(expectation);
    ASSERT_NE(at, std::string::npos);
    text->replace(at, expectation.size(), R"(expect = "accounting")");
    const fs::path scenario = directory->path() / "wrong.toml";
    ASSERT_TRUE(write_file(scenario, *text));
    const auto backend = make_qemu_backend();
    test::QuietObserver observer;
    RunSpec order;
    order.scenarios = {scenario.string()};
    order.arm = "mutant";
    order.trials = 1;
    order.accelerator = "tcg";
    order.out = directory->path() / "run";
    const auto results = run_scenarios(order, *backend, observer);
    ASSERT_TRUE(results) << results.error().line();
    EXPECT_EQ(results->exit_status(), 1);
}

}  // namespace
}  // namespace memrig
