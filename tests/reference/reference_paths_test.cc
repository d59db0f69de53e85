// Every hotplug path on a kernel that is built from source: those too that Debian's kernels lack (probe, the notifiers'
// error injector).
#include "integration/every_scenario.h"

namespace memrig {
namespace {

// Neither CONFIG_DEV_DAX_HMEM nor CONFIG_DMIID, CONFIG_LRU_GEN, CONFIG_SLUB_DEBUG, CONFIG_PROC_PAGE_MONITOR and
// CONFIG_HOTPLUG_PCI_ACPI are set, and nd_pmem is built in.
const std::set<std::string> kLacking = {
    "race/acpi-dimm-device-memory", "race/device-memory-acpi-dimm", "race/dax-kmem-online",
    "race/acpi-dimm-vcpu",          "race/acpi-vcpu-dimm",          "race/acpi-vcpu-memory-online",
    "race/acpi-dimm-vcpu-online",   "race/reader-offline",          "validate/add-remove-loop",
    "validate/unplug-pinned",       "validate/nvdimm-plug",         "validate/virtio-mem-plug"};

TEST(EveryScenario, ComesOutAsExpectedOnTheReferenceKernel) {
    test::expect_every_scenario_as_expected("ref-6.12-amd64", kLacking);
}

TEST(EveryScenario, ComesOutAsExpectedOnTheOneWithoutNuma) {
    std::set<std::string> lacking = kLacking;
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

}  // namespace
}  // namespace memrig
