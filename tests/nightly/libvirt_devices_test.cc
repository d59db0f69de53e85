// Other devices than those of the races, and arm64, on libvirt's domains.
#include <gmock/gmock.h>

#include "integration/libvirt_fixture.h"

namespace memrig {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(Libvirt, ResizesVirtioMem) {
    for (const char* scenario : {"validate/virtio-mem-resize", "validate/virtio-mem-shrink"}) {
        const fs::path out = libvirt->work() / fs::path(scenario).filename();
        Process run = start_run({scenario, "--arm", "control", "--trials", "1", "--out", out.string()});
        EXPECT_TRUE(end_of(run).success()) << said();
        EXPECT_EQ(verdicts(out / "results.json")["control"]["held"], 1) << said();
    }
}

// A device that was not there is attached by libvirt's own call, with its request.
TEST_F(Libvirt, PlugsVirtioMem) {
    const std::string qmp = qmp_of(races("validate/virtio-mem-plug", "debian-6.1-amd64", 1, "rule-broken"));
    EXPECT_THAT(qmp, HasSubstr("\"ua-vmem0\""));
    EXPECT_THAT(qmp, HasSubstr("MEMORY_DEVICE_SIZE_CHANGE"));
    EXPECT_THAT(qmp, Not(HasSubstr("device_add")));
    EXPECT_THAT(qmp, Not(HasSubstr("object-add")));
}

TEST_F(Libvirt, PlugsAnNvdimm) {
    const std::string qmp = qmp_of(races("validate/nvdimm-plug", "debian-6.1-amd64", 1, "rule-broken"));
    EXPECT_THAT(qmp, HasSubstr("\"ua-nvdimm0\""));
    EXPECT_THAT(qmp, Not(HasSubstr("device_add")));
}

TEST_F(Libvirt, RacesADimmOnArm) { races("race/acpi-dimm-online", "debian-6.1-arm64", 1); }

}  // namespace
}  // namespace memrig
