// Every hotplug path on the kernels that each run leaves out for the sake of its time: each arm comes out as expected,
// or is skipped with a reason. integration/paths_test.cc has the other one.
#include "integration/every_scenario.h"

namespace memrig {
namespace {

TEST(EveryScenario, ComesOutAsExpectedOn61) {
    std::set<std::string> lacking = test::together(test::lacking_in_debian(), test::new_in_7_3());
    lacking.insert("validate/veto-prepare");  // MEM_PREPARE_ONLINE came with v6.8
    test::expect_every_scenario_as_expected("debian-6.1-amd64", lacking);
}
// MEM_PREPARE_ONLINE is gone again.
TEST(EveryScenario, ComesOutAsExpectedOn72) {
    std::set<std::string> lacking = test::together(test::lacking_in_debian(), test::new_in_7_3());
    lacking.insert("validate/veto-prepare");
    test::expect_every_scenario_as_expected("debian-7.2-amd64", lacking);
}
TEST(EveryScenario, ComesOutAsExpectedOnTheNextKernel) {
    std::set<std::string> lacking = test::lacking_in_debian();
    lacking.insert("validate/veto-prepare");
    test::expect_every_scenario_as_expected("debian-experimental-amd64", lacking);
}
// All that names pseries or pseries-numa.
TEST(EveryScenario, ComesOutAsExpectedOnPower) {
    test::expect_every_scenario_as_expected(
        "debian-6.1-ppc64el",
        {"validate/veto-offline-injected", "validate/memtrace", "race/memtrace-online", "race/memtrace-remove-online"});
}
// ACPI, which UEFI brings, and virtio-mem.
TEST(EveryScenario, ComesOutAsExpectedOnArm64) { test::expect_every_scenario_as_expected("debian-6.1-arm64", {}); }

TEST(EveryScenario, ComesOutAsExpectedOnTheReferenceKernel) {
    test::expect_every_scenario_as_expected("ref-6.12-amd64",
                                            test::together(test::lacking_in_reference(), test::new_in_7_3()));
}
TEST(EveryScenario, ComesOutAsExpectedOnTheReferenceKernelOf72) {
    std::set<std::string> lacking = test::together(test::lacking_in_reference(), test::new_in_7_3());
    lacking.insert("validate/veto-prepare");
    test::expect_every_scenario_as_expected("ref-7.2-amd64", lacking);
}
TEST(EveryScenario, ComesOutAsExpectedOnTheOneWithoutNuma) {
    std::set<std::string> lacking = test::together(test::lacking_in_reference(), test::new_in_7_3());
    lacking.insert({"validate/numa-first-memory", "validate/numa-unplug", "validate/online-types"});
    test::expect_every_scenario_as_expected("ref-6.12-amd64-nonuma", lacking);
}
TEST(EveryScenario, ComesOutAsExpectedOnTheOneForPower) {
    test::expect_every_scenario_as_expected("ref-6.12-ppc64le",
                                            {"race/reader-offline", "validate/unplug-pinned", "validate/memtrace",
                                             "race/memtrace-online", "race/memtrace-remove-online"});
}

// Before v5.11 memtrace removes and adds memory.
TEST(Memtrace, ComesOutAsExpected) {
    test::expect_as_expected({"validate/memtrace", "race/memtrace-online", "race/memtrace-remove-online"},
                             "ref-5.10-ppc64le", "powernv", {});
}

TEST(OtherBenches, DeviceMemoryOfAnNvdimm) {
    test::expect_as_expected({"race/acpi-dimm-device-memory", "race/device-memory-acpi-dimm"}, "debian-6.1-amd64",
                             "q35-nvdimm", {});
}

}  // namespace
}  // namespace memrig
