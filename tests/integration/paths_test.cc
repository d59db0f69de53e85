// Every hotplug path, validated and raced, on a kernel that Debian ships: each arm comes out as expected, or is skipped
// with a reason. nightly/every_scenario_test.cc has the other kernels.
#include "integration/every_scenario.h"

namespace memrig {
namespace {

TEST(EveryScenario, ComesOutAsExpectedOn612) {
    test::expect_every_scenario_as_expected("debian-6.12-amd64",
                                            test::together(test::lacking_in_debian(), test::new_in_7_3()));
}

TEST(OtherBenches, DeviceMemoryOfAnNvdimmOn612) {
    test::expect_as_expected({"race/acpi-dimm-device-memory", "race/device-memory-acpi-dimm"}, "debian-6.12-amd64",
                             "q35-nvdimm", {});
}

}  // namespace
}  // namespace memrig
