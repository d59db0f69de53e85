// The XML that libvirt's hotplug calls are given.
#include "libvirt/hotplug.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace memrig {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// As virDomainGetXMLDesc() has it, cut.
constexpr const char* kLive = R"(<domain type='qemu' id='1'>
  <devices>
    <memory model='dimm'>
      <target><size unit='KiB'>524288</size><node>0</node></target>
      <alias name='ua-dimm0'/>
      <address type='dimm' slot='0' base='0x100000000'/>
    </memory>
    <memory model='virtio-mem'>
      <target>
        <size unit='KiB'>1048576</size><node>0</node><block unit='KiB'>2048</block><requested unit='KiB'>0</requested>
        <current unit='KiB'>0</current>
      </target>
      <alias name='ua-vmem0'/>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
    </memory>
  </devices>
</domain>)";

TEST(ResizedXml, IsTheLiveDeviceWithAnotherRequest) {
    const auto xml = resized_xml(kLive, "ua-vmem0", 256ull << 20);
    ASSERT_TRUE(xml) << xml.error().line();
    EXPECT_THAT(
        *xml,
        AllOf(HasSubstr("<memory model=\"virtio-mem\">"), HasSubstr("<requested unit=\"KiB\">262144</requested>"),
              HasSubstr("<size unit=\"KiB\">1048576</size>"), HasSubstr("type=\"pci\""), Not(HasSubstr("ua-dimm0"))));
}

TEST(ResizedXml, WhatHasNoSizeToRequestIsAFaultOfTheRig) {
    for (const char* alias : {"ua-dimm0", "ua-vmem1"}) {
        const auto xml = resized_xml(kLive, alias, 0);
        ASSERT_FALSE(xml) << alias;
        EXPECT_EQ(xml.error().fault, Fault::rig);
        EXPECT_THAT(xml.error().message, HasSubstr(alias));
    }
    EXPECT_FALSE(resized_xml("<no", "ua-vmem0", 0));
}

}  // namespace
}  // namespace memrig
