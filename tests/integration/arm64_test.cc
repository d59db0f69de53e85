// arm64: ACPI, which UEFI brings, and virtio-mem, on Debian's own arm64 kernel: all that names a bench for it. The
// controls hold, and without the adder's lock the kernel crashes.
#include "integration/every_scenario.h"

namespace memrig {
namespace {

TEST(EveryScenario, ComesOutAsExpectedOnArm64) { test::expect_every_scenario_as_expected("debian-6.1-arm64", {}); }

}  // namespace
}  // namespace memrig
