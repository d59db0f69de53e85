// A libvirtd that is there and says nothing, as one that stands still by a deadlock of its own. It takes its time:
// memrig believes in it for a minute.
#include <gmock/gmock.h>

#include "libvirt_fixture.h"

namespace memrig {
namespace {

using ::testing::HasSubstr;

class LibvirtSilent : public Libvirt {
protected:
    void TearDown() override {
        libvirt->wake();
        Libvirt::TearDown();
    }
    // True if it has connected to anybody.
    static bool is_connected(const Process& run) {
        for (const auto& entry : fs::directory_iterator(fmt::format("/proc/{}/fd", run.pid()))) {
            std::error_code code;
            if (fs::read_symlink(entry.path(), code).string().starts_with("socket:")) return true;
        }
        return false;
    }
};

TEST_F(LibvirtSilent, InTheMiddleOfATrial) {
    Process run = start_run({"race/acpi-dimm-online", "--trials", "100", "--out", (libvirt->work() / "met").string()});
    ASSERT_TRUE(wait_for_domain(run, "--state-running")) << said();
    libvirt->stop();
    EXPECT_EQ(end_of(run).code, 3) << said();
    EXPECT_THAT(said(), HasSubstr("libvirt"));
    EXPECT_TRUE(qemus().empty());
}

TEST_F(LibvirtSilent, FromTheBeginning) {
    libvirt->stop();
    Process run = start_run({"race/acpi-dimm-online"});
    EXPECT_EQ(end_of(run).code, 3) << said();
    EXPECT_THAT(said(), HasSubstr("libvirt at qemu:///system does not answer"));
}

TEST_F(LibvirtSilent, DoesNotKeepWhoWantsToStop) {
    libvirt->stop();
    Process run = start_run({"race/acpi-dimm-online"});
    const Deadline patience = Deadline::after(kPatience);
    while (!is_connected(run) && !patience.expired()) sched_yield();
    ::kill(run.pid(), SIGINT);
    EXPECT_EQ(end_of(run).code, 130) << said();
}

}  // namespace
}  // namespace memrig
