// Every hotplug path, validated and raced, on the kernels that Debian ships: each arm comes out as expected, or is
// skipped with a reason.
#include "integration/every_scenario.h"

namespace memrig {
namespace {

// CONFIG_ARCH_MEMORY_PROBE and CONFIG_MEMORY_NOTIFIER_ERROR_INJECT are not set.
const std::set<std::string> kLacking = {"race/probe-probe", "validate/probe", "validate/veto-online-injected",
                                        "validate/veto-offline-injected"};

TEST(EveryScenario, ComesOutAsExpectedOn61) {
    std::set<std::string> lacking = kLacking;
    lacking.insert("validate/veto-prepare");  // MEM_PREPARE_ONLINE came with v6.8
    test::expect_every_scenario_as_expected("debian-6.1-amd64", lacking);
}
TEST(EveryScenario, ComesOutAsExpectedOn612) { test::expect_every_scenario_as_expected("debian-6.12-amd64", kLacking); }
// POWER: all that names pseries or pseries-numa.
TEST(EveryScenario, ComesOutAsExpectedOnPower) {
    test::expect_every_scenario_as_expected(
        "debian-6.1-ppc64el",
        {"validate/veto-offline-injected", "validate/memtrace", "race/memtrace-online", "race/memtrace-remove-online"});
}

TEST(OtherBenches, DeviceMemoryOfAnNvdimm) {
    for (const char* kernel : {"debian-6.1-amd64", "debian-6.12-amd64"})
        test::expect_as_expected({"race/acpi-dimm-device-memory", "race/device-memory-acpi-dimm"}, kernel, "q35-nvdimm",
                                 {});
}

}  // namespace
}  // namespace memrig
