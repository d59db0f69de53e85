// Xen's dom0, on Debian's own kernel with all drivers: its balloon driver adds memory while somebody onlines it. The
// control holds, and without the driver's lock the kernel crashes.
#include "integration/every_scenario.h"
#include "kernel/config.h"

namespace memrig {
namespace {

TEST(Xen, ControlHoldsAndMutantIsConvicted) {
    test::expect_as_expected({"race/xen-balloon-online", "validate/xen-balloon"}, "debian-6.1-full-amd64", "xen", {});
}

// Under Xen, a kernel without CONFIG_XEN_DOM0 never gets as far as the agent.
TEST(Xen, AKernelThatCannotBeDom0IsSkipped) {
    const auto directory = TemporaryDirectory::make("memrig-xen");
    ASSERT_TRUE(directory);
    const auto backend = make_qemu_backend();
    test::QuietObserver observer;
    const RunSpec order = test::one_trial({"validate/xen-balloon"}, "debian-6.1-amd64", directory->path() / "run");
    const auto results = run_scenarios(order, *backend, observer);
    ASSERT_TRUE(results) << results.error().line();
    ASSERT_EQ(results->arms.size(), 2u);
    for (const auto& arm : results->arms) EXPECT_EQ(arm.skipped, "this kernel cannot be Xen's dom0 (CONFIG_XEN_DOM0)");
}

}  // namespace
}  // namespace memrig
