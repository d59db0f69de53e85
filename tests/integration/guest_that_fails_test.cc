// Guests that do not come up, and saved guests that do not restore: said plainly, and soon.
#include <gtest/gtest.h>

#include "base/file.h"
#include "integration/quiet_observer.h"
#include "kernel/catalogue.h"
#include "machine/guest_store.h"

namespace memrig {
namespace {

Result<Bench> bench_with(const std::string& before, const std::string& after) {
    auto text = read_file(fs::path(MEMRIG_TEST_DATA) / ".." / "rig" / "benches" / "q35.toml");
    if (!text) return std::unexpected(text.error());
    const auto at = text->find(before);
    if (at == std::string::npos) return fail(Fault::rig, "the bench has no {}", before);
    text->replace(at, before.size(), after);
    return parse_bench(*text, "bench.toml");
}

TEST(GuestThatFails, AKernelThatPanicsBeforeInit) {
    const auto backend = make_qemu_backend();
    const auto bench = bench_with("append = \"", "append = \"rdinit=/nowhere root=/dev/nowhere ");
    const auto kernel = resolve_kernel("debian-6.1-amd64");
    ASSERT_TRUE(bench && kernel);
    GuestStore store(*backend, {});
    const auto guest = store.prepare(*bench, *kernel, Accelerator::tcg);
    ASSERT_FALSE(guest);
    EXPECT_EQ(guest.error().fault, Fault::guest);
    EXPECT_NE(guest.error().message.find("stopped before the agent spoke"), std::string::npos) << guest.error().message;
    EXPECT_NE(guest.error().message.find("Kernel panic"), std::string::npos)
        << "the console's last lines: " << guest.error().message;
}

TEST(GuestThatFails, AMachineThatQemuRefuses) {
    const auto backend = make_qemu_backend();
    const auto bench = bench_with("machine = \"q35\"", "machine = \"q36\"");
    const auto kernel = resolve_kernel("debian-6.1-amd64");
    ASSERT_TRUE(bench && kernel);
    GuestStore store(*backend, {});
    const auto guest = store.prepare(*bench, *kernel, Accelerator::tcg);
    ASSERT_FALSE(guest);
    EXPECT_EQ(guest.error().fault, Fault::rig);
    EXPECT_NE(guest.error().message.find("unsupported machine type"), std::string::npos) << guest.error().message;
}

// The driver virtio_mem is a module of Debian's kernels. One arm is reported, the other is played.
TEST(GuestThatFails, AKernelThatIsGivenByItsPathLacksTheDriverThatAnActorNeeds) {
    const auto backend = make_qemu_backend();
    const auto kernel = resolve_kernel("debian-6.1-amd64");
    const auto directory = TemporaryDirectory::make("memrig-no-modules");
    ASSERT_TRUE(kernel && directory);
    test::QuietObserver observer;
    RunSpec order;
    order.scenarios = {"race/virtio-mem-online", "race/acpi-dimm-online"};
    // Beside the image in the package, its modules would be found.
    const fs::path alone = directory->path() / "vmlinuz";
    fs::copy_file(kernel->image, alone);
    order.kernels = {alone.string()};
    order.arm = "control";
    order.trials = 1;
    order.accelerator = "tcg";
    order.out = directory->path() / "run";
    const auto results = run_scenarios(order, *backend, observer);
    ASSERT_TRUE(results) << results.error().line();
    ASSERT_EQ(results->arms.size(), 2u);
    ASSERT_TRUE(results->arms[0].not_set_up) << results->arms[0].skipped;
    EXPECT_NE(results->arms[0].not_set_up->message.find("the driver virtio_mem"), std::string::npos)
        << results->arms[0].not_set_up->message;
    ASSERT_EQ(results->arms[1].trials.size(), 1u);
    EXPECT_EQ(results->arms[1].trials[0].verdict, Verdict::held) << results->arms[1].trials[0].reason;
    EXPECT_EQ(results->exit_status(), 4);
}

TEST(GuestThatFails, ASavedGuestThatIsDamagedIsMadeAnew) {
    const auto backend = make_qemu_backend();
    // A bench of its own, so that nobody else's saved guest is damaged.
    auto directory = TemporaryDirectory::make("memrig-damaged");
    ASSERT_TRUE(directory);
    const auto bench =
        bench_with("append = \"", fmt::format("append = \"memrig.test={} ", directory->path().filename().string()));
    const auto kernel = resolve_kernel("debian-6.1-amd64");
    ASSERT_TRUE(bench && kernel);
    const fs::path bench_file = directory->path() / "bench.toml";
    ASSERT_TRUE(write_file(bench_file, bench->text));
    GuestStore store(*backend, {});
    const auto guest = store.prepare(*bench, *kernel, Accelerator::tcg);
    ASSERT_TRUE(guest) << guest.error().line();
    fs::resize_file((*guest)->state, fs::file_size((*guest)->state) / 2);

    test::QuietObserver observer;
    RunSpec order;
    order.scenarios = {"acpi-dimm-online"};
    order.bench = bench_file.string();
    order.arm = "control";
    order.trials = 2;
    order.jobs = 2;
    order.accelerator = "tcg";
    order.out = directory->path() / "run";
    const auto results = run_scenarios(order, *backend, observer);
    ASSERT_TRUE(results) << results.error().line();
    EXPECT_EQ(results->exit_status(), 0) << results->arms.front().trials.front().reason;
    EXPECT_TRUE(store.discard(**guest));
}

}  // namespace
}  // namespace memrig
