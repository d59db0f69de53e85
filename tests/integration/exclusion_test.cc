// An actor that waits for a lock is kept out only by the actor that owns it: in a copy of a scenario, the held adder
// does not take the lock that the other actor waits for.
#include <gtest/gtest.h>

#include "integration/one_trial.h"

namespace memrig {
namespace {

constexpr const char* kArmWithoutTheLock = R"(
[arm.unheld]
purpose = "add_memory_resource() without mem_hotplug_lock"
expect = "rule-broken"

[[arm.unheld.elide]]
lock = "percpu_down_write"
unlock = "percpu_up_write"
caller = "add_memory_resource"
)";

// The rules would convict this arm. The oracles that are asked here see nothing, and then the evidence alone counts.
TEST(Exclusion, ALockThatTheHeldActorDoesNotOwnKeepsNobodyOut) {
    auto directory = TemporaryDirectory::make("memrig-exclusion");
    ASSERT_TRUE(directory);
    auto text = read_file(fs::path(MEMRIG_TEST_DATA) / ".." / "scenarios" / "race" / "acpi-dimm-device-memory.toml");
    ASSERT_TRUE(text);
    const fs::path scenario = directory->path() / "unheld.toml";
    ASSERT_TRUE(write_file(scenario, *text + kArmWithoutTheLock));
    const auto backend = make_qemu_backend();
    test::QuietObserver observer;
    for (const char* arm : {"control", "unheld"}) {
        RunSpec order = test::one_trial({scenario.string()}, "debian-6.1-amd64", directory->path() / arm);
        order.arm = arm;
        order.manner.oracles = {"crash", "accounting"};
        const auto results = run_scenarios(order, *backend, observer);
        ASSERT_TRUE(results) << results.error().line();
        ASSERT_EQ(results->arms.size(), 1u);
        ASSERT_EQ(results->arms[0].trials.size(), 1u);
        const TrialResult& trial = results->arms[0].trials[0];
        EXPECT_EQ(trial.verdict, std::string(arm) == "control" ? Verdict::held : Verdict::inconclusive)
            << arm << ": " << trial.reason;
    }
}

}  // namespace
}  // namespace memrig
