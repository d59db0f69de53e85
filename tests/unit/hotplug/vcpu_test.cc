// A vCPU: which one QEMU is asked for, and what the guest's lists of CPUs say.
#include <gtest/gtest.h>

#include "hotplug/vcpu.h"
#include "qmp/fake_qmp_client.h"

namespace memrig {
namespace {

class VcpuTest : public ::testing::Test {
protected:
    static nlohmann::json slot(int core, bool taken) {
        nlohmann::json made = {{"type", "qemu64-x86_64-cpu"},
                               {"props", {{"socket-id", 0}, {"core-id", core}, {"thread-id", 0}}}};
        if (taken) made["qom-path"] = "/machine/unattached/device[0]";
        return made;
    }
    Status plug() { return plug_vcpu(qmp, Deadline::after(std::chrono::seconds(1))); }
    void TearDown() override { EXPECT_EQ(qmp.mistakes(), std::vector<std::string>{}); }
    FakeQmpClient qmp;
};

TEST_F(VcpuTest, TheFirstFreeOneIsPlugged) {
    qmp.expect("query-hotpluggable-cpus").reply({slot(3, false), slot(2, false), slot(1, true), slot(0, true)});
    qmp.expect("device_add")
        .with({{"driver", "qemu64-x86_64-cpu"}, {"id", "vcpu0"}, {"socket-id", 0}, {"core-id", 2}, {"thread-id", 0}});
    EXPECT_TRUE(plug());
}

TEST_F(VcpuTest, AMachineThatHasThemAllIsTheUsersInput) {
    qmp.expect("query-hotpluggable-cpus").reply({slot(1, true), slot(0, true)});
    const Status plugged = plug();
    ASSERT_FALSE(plugged);
    EXPECT_EQ(plugged.error().fault, Fault::user_input);
}

TEST_F(VcpuTest, WhatQemuRefusesIsTheUsersInput) {
    qmp.expect("query-hotpluggable-cpus").reply({slot(1, false)});
    qmp.expect("device_add").refuse("GenericError", "CPU is taken");
    const Status plugged = plug();
    ASSERT_FALSE(plugged);
    EXPECT_EQ(plugged.error().fault, Fault::user_input);
    EXPECT_NE(plugged.error().message.find("CPU is taken"), std::string::npos);
}

}  // namespace
}  // namespace memrig
