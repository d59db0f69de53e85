// The names of devices that libvirt made, on their way to QEMU and back.
#include "libvirt/device_names.h"

#include <gtest/gtest.h>

#include "libvirt/domain_xml.h"

namespace memrig {
namespace {

using nlohmann::json;

class DeviceNamesTest : public ::testing::Test {
protected:
    void SetUp() override { names.add("dimm0", "mem-adder"); }
    DeviceNames names;
};

TEST_F(DeviceNamesTest, WhatComesFromQemuIsToldInOurs) {
    const json devices = {{{"type", "dimm"}, {"data", {{"id", "ua-dimm0"}, {"memdev", "/objects/memua-dimm0"}}}}};
    const json told = {{{"type", "dimm"}, {"data", {{"id", "dimm0"}, {"memdev", "/objects/mem-adder"}}}}};
    EXPECT_EQ(names.from_qemu(devices), told);
    const json event = {{"info", {{"device", "ua-dimm0"}, {"slot", "0"}, {"source", 3}}}};
    EXPECT_EQ(names.from_qemu(event).at("info").at("device"), "dimm0");
}

TEST_F(DeviceNamesTest, WhatGoesToQemuIsToldInIts) {
    EXPECT_EQ(names.to_qemu({{"id", "dimm0"}}), json({{"id", "ua-dimm0"}}));
    EXPECT_EQ(names.to_qemu({{"id", "mem-adder"}}), json({{"id", "memua-dimm0"}}));
    EXPECT_EQ(names.to_qemu({{"path", "/machine/peripheral/dimm0"}}), json({{"path", "/machine/peripheral/ua-dimm0"}}));
}

TEST_F(DeviceNamesTest, WhatIsNoSuchNameStaysAsItIs) {
    const json others = {"dimm1", "ua-dimm1", "dimm00", "mem-adder2", "/machine/dimm0/size", 0, nullptr, true};
    EXPECT_EQ(names.to_qemu(others), others);
    EXPECT_EQ(names.from_qemu(others), others);
    const json keys = {{"dimm0", 1}, {"ua-dimm0", 2}};
    EXPECT_EQ(names.to_qemu(keys), keys);
}

TEST_F(DeviceNamesTest, AnotherRoundsBackendTakesTheDevicesPlace) {
    names.add("dimm0", "mem-second");
    EXPECT_EQ(names.from_qemu("memua-dimm0"), "mem-second");
    EXPECT_EQ(names.to_qemu("mem-second"), "memua-dimm0");
}

TEST(DimmXml, IsWhatLibvirtTakes) {
    EXPECT_EQ(dimm_xml({"dimm0", "mem-adder", 1ull << 30, 1}, {}),
              "<memory model=\"dimm\">\n  <target>\n    <size unit=\"KiB\">1048576</size>\n    <node>1</node>\n"
              "  </target>\n  <alias name=\"ua-dimm0\" />\n</memory>\n");
    EXPECT_EQ(dimm_xml({"nvdimm0", "mem-adder", 1ull << 30, 0, true}, "/run/nvdimm0"),
              "<memory model=\"nvdimm\">\n  <source>\n    <path>/run/nvdimm0</path>\n  </source>\n"
              "  <target>\n    <size unit=\"KiB\">1048576</size>\n    <node>0</node>\n  </target>\n"
              "  <alias name=\"ua-nvdimm0\" />\n</memory>\n");
}

}  // namespace
}  // namespace memrig
