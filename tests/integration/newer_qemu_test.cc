// The newer QEMU of Debian's backports, run from the cache, comes to the same verdicts as the host's own.
#include <gtest/gtest.h>

#include "base/file.h"
#include "integration/one_trial.h"

namespace memrig {
namespace {

constexpr const char* kEmulator = "debian-12-backports";

TEST(Emulator, TheBackportsQemuComesToTheExpectedVerdicts) {
    auto directory = TemporaryDirectory::make("memrig-emulator");
    ASSERT_TRUE(directory);
    const auto backend = make_qemu_backend();
    test::QuietObserver observer;
    RunSpec order =
        test::one_trial({"acpi-dimm-online", "validate/virtio-mem"}, "debian-6.1-amd64", directory->path() / "run");
    order.emulator = kEmulator;
    const auto results = run_scenarios(order, *backend, observer);
    ASSERT_TRUE(results) << results.error().line();
    EXPECT_EQ(results->exit_status(), 0);
    EXPECT_EQ(results->arms.size(), 4u);
    for (const auto& arm : results->arms)
        for (const auto& trial : arm.trials)
            EXPECT_TRUE(trial.as_expected)
                << arm.scenario << " " << arm.arm << ": " << to_string(trial.verdict) << ": " << trial.reason;

    const auto emulator = resolve_emulator(kEmulator, "qemu-system-x86_64");
    ASSERT_TRUE(emulator);
    const auto version = emulator_version(*emulator);
    ASSERT_TRUE(version);
    EXPECT_EQ(results->qemu_version, *version);
    const auto recipe = read_file(order.out / results->arms.front().trials.front().directory / "trial.json");
    ASSERT_TRUE(recipe);
    for (const std::string& words : {"\"emulator\": \"" + std::string(kEmulator) + "\"", "\"qemu\": \"" + *version})
        EXPECT_NE(recipe->find(words), std::string::npos) << *recipe;
}

}  // namespace
}  // namespace memrig
