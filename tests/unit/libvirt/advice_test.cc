// Advice on libvirt's errors. The texts are those of libvirt 9.0, QEMU 7.2 and this C library.
#include "libvirt/advice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libvirt/virterror.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

namespace memrig {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// The answer of a daemon with user = "libvirt-qemu", cut. A session's daemon has no model dac.
std::string capabilities(const std::string& models) {
    return "<capabilities><host><cpu/>" + models + "</host><guest/></capabilities>";
}
std::string secmodel(const std::string& model, const std::string& label) {
    return "<secmodel><model>" + model + "</model><doi>0</doi><baselabel type='kvm'>+1:+1</baselabel>" +
           "<baselabel type='qemu'>" + label + "</baselabel></secmodel>";
}

TEST(Confinement, IsTheUserOfDac) {
    const auto confinement = read_confinement(
        capabilities("<secmodel><model>none</model><doi>0</doi></secmodel>" + secmodel("dac", "+0:+1")));
    EXPECT_EQ(confinement.user.uid, 0u);
    EXPECT_THAT(confinement.user.groups, ::testing::Contains(gid_t{1}));
    EXPECT_EQ(confinement.user.name, "root");
    EXPECT_EQ(confinement.driver, "");
}

TEST(Confinement, NamesAUserThatHasNoName) {
    EXPECT_EQ(read_confinement(capabilities(secmodel("dac", "+4000000:+4000001"))).user.name, "4000000");
}

TEST(Confinement, IsTheSecurityDriver) {
    const std::string dac = secmodel("dac", "+0:+0");
    EXPECT_EQ(read_confinement(capabilities(secmodel("apparmor", "") + dac)).driver, "apparmor");
    EXPECT_EQ(read_confinement(capabilities(secmodel("selinux", "system_u:system_r:svirt_tcg_t:s0") + dac)).driver,
              "selinux");
}

TEST(Confinement, IsNobodyElseWhereLibvirtChangesNoUser) {
    EXPECT_EQ(read_confinement(capabilities(secmodel("none", ""))).user.uid, ::geteuid());
    EXPECT_EQ(read_confinement("no XML").user.uid, ::geteuid());
}

class KeptOut : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_EQ(::chmod(directory.path().c_str(), 0755), 0);
        ASSERT_TRUE(write_file(file, "kernel"));
        ASSERT_EQ(::chmod(file.c_str(), 0644), 0);
    }
    TemporaryDirectory directory = TemporaryDirectory::make("advice-test").value();
    fs::path file = directory.path() / "vmlinuz";
    Account stranger{4000000, {4000000}, "stranger"};
    Account owner{::geteuid(), {}, "owner"};
    Account member{4000000, {4000000, ::getegid()}, "member"};
};

TEST_F(KeptOut, ByNothing) {
    EXPECT_EQ(what_keeps_out(stranger, file, Access::read), "");
    EXPECT_EQ(what_keeps_out(owner, directory.path(), Access::make_files), "");
}

TEST_F(KeptOut, ByADirectoryThatItMayNotEnter) {
    ASSERT_EQ(::chmod(directory.path().c_str(), 0750), 0);
    EXPECT_THAT(what_keeps_out(stranger, file, Access::read),
                StartsWith("stranger may not enter " + directory.path().string() + " (0750 "));
    EXPECT_EQ(what_keeps_out(member, file, Access::read), "");
    EXPECT_EQ(what_keeps_out(owner, file, Access::read), "");
}

TEST_F(KeptOut, ByAFileThatItMayNotRead) {
    ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
    EXPECT_THAT(what_keeps_out(stranger, file, Access::read), StartsWith("stranger may not read " + file.string()));
    EXPECT_THAT(what_keeps_out(member, file, Access::read), StartsWith("member may not read"));
    EXPECT_EQ(what_keeps_out(owner, file, Access::read), "");
}

TEST_F(KeptOut, ByADirectoryInWhichItMayMakeNothing) {
    ASSERT_EQ(::chmod(directory.path().c_str(), 0711), 0);
    EXPECT_THAT(what_keeps_out(stranger, directory.path(), Access::make_files), HasSubstr("may not make files in"));
}

// The owner's bits count for the owner, also where others have more; root without capabilities is a user like others.
TEST_F(KeptOut, ByTheBitsThatAreItsOwn) {
    ASSERT_EQ(::chmod(file.c_str(), 0044), 0);
    EXPECT_THAT(what_keeps_out(owner, file, Access::read), HasSubstr("may not read"));
}

TEST(AdviceOnAConnection, IsAboutTheNetworkOfAnotherHost) {
    const auto advice = [](int code, const char* text) { return advise_on_connection({code, text}); };
    EXPECT_THAT(
        advice(VIR_ERR_SYSTEM_ERROR, "Cannot read CA certificate '/etc/pki/CA/cacert.pem': No such file or directory"),
        HasSubstr("?pkipath="));
    EXPECT_THAT(advice(VIR_ERR_AUTH_FAILED, "authentication failed: Failed to verify peer's certificate"),
                HasSubstr("signed by the CA in cacert.pem"));
    EXPECT_THAT(advice(VIR_ERR_SYSTEM_ERROR,
                       "Our own certificate /p/clientcert.pem failed validation against "
                       "/p/cacert.pem: The certificate hasn't got a known issuer."),
                HasSubstr("signed by the CA in cacert.pem"));
    EXPECT_THAT(advice(VIR_ERR_SYSTEM_ERROR, "unable to connect to server at '10.77.1.2:16514': Connection refused"),
                HasSubstr("listen_tls = 1"));
    EXPECT_THAT(advice(VIR_ERR_SYSTEM_ERROR,
                       "Unable to resolve address 'nohost.invalid' service '16514': "
                       "Temporary failure in name resolution"),
                HasSubstr("host's name"));
    EXPECT_THAT(advice(VIR_ERR_SYSTEM_ERROR,
                       "Cannot recv data: ssh: connect to host 10.77.1.2 port 22: Connection "
                       "refused: Connection reset by peer"),
                HasSubstr("without a password"));
}

TEST(AdviceOnAConnection, IsAboutItsCause) {
    const auto advice = [](int code, const char* text) { return advise_on_connection({code, text}); };
    EXPECT_THAT(advice(VIR_ERR_SYSTEM_ERROR,
                       "Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file or directory"),
                HasSubstr("systemctl start libvirtd, or apt-get install libvirt-daemon-system"));
    EXPECT_THAT(
        advice(VIR_ERR_SYSTEM_ERROR, "Failed to connect socket to '/var/run/libvirt/libvirt-sock': Connection refused"),
        HasSubstr("systemctl restart libvirtd"));
    EXPECT_THAT(
        advice(VIR_ERR_SYSTEM_ERROR, "Failed to connect socket to '/var/run/libvirt/libvirt-sock': Permission denied"),
        HasSubstr(" libvirt, and log in again"));
    EXPECT_THAT(
        advice(
            VIR_ERR_AUTH_UNAVAILABLE,
            "authentication unavailable: no polkit agent available to authenticate action 'org.libvirt.unix.manage'"),
        HasSubstr(" libvirt, and log in again"));
    EXPECT_THAT(advice(VIR_ERR_NO_CONNECT, "no connection driver available for xyz:///system"),
                HasSubstr("libvirt-daemon-driver-qemu"));
    EXPECT_EQ(advice(VIR_ERR_SYSTEM_ERROR, "End of file while reading data: Input/output error"),
              "is libvirtd running there, and may this user use it?");
}

class AdviceOnADomain : public KeptOut {
protected:
    [[nodiscard]] std::string advice(const std::string& said, const std::string& driver = {}) const {
        return advise_on_domain(
            {VIR_ERR_INTERNAL_ERROR, "internal error: qemu unexpectedly closed the monitor: " + said}, files,
            {stranger, driver});
    }
    OurFiles files{file, "/images/initramfs", directory.path()};
    std::string no_kernel = "qemu: could not open kernel file '" + file.string() + "': Permission denied";
    std::string no_socket = "2026-11-23T08:47:53.329296Z qemu-system-x86_64: -gdb unix:" + directory.path().string() +
                            "/gdb,server=on,wait=off: Failed to bind socket to " + directory.path().string() +
                            "/gdb: Permission denied";
};

TEST_F(AdviceOnADomain, WhoseKernelQemusUserCannotRead) {
    ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
    EXPECT_THAT(advice(no_kernel), StartsWith("QEMU's user stranger may not read " + file.string()));
    EXPECT_THAT(advice(no_kernel), HasSubstr("set MEMRIG_CACHE to"));
    EXPECT_THAT(advice(no_kernel), HasSubstr("in /etc/libvirt/qemu.conf, then systemctl restart libvirtd"));
}

TEST_F(AdviceOnADomain, WhoseInitramfsQemusUserCannotRead) {
    EXPECT_THAT(advice("qemu: error reading initrd /images/initramfs: Failed to open file “/images/initramfs”: open() "
                       "failed: Permission denied"),
                StartsWith("QEMU's user stranger may not: set MEMRIG_CACHE to"));
}

TEST_F(AdviceOnADomain, WhoseGdbstubCannotBeMade) {
    EXPECT_THAT(advice(no_socket),
                StartsWith("QEMU's user stranger may not make files in " + directory.path().string()));
    EXPECT_THAT(advice(no_socket), Not(HasSubstr("MEMRIG_CACHE")));
}

// Only what the modes do not explain is the security driver's.
TEST_F(AdviceOnADomain, ThatTheSecurityDriverRefuses) {
    EXPECT_THAT(advice(no_kernel, "apparmor"),
                StartsWith("apparmor keeps QEMU from it: security_driver = \"none\" in"));
    EXPECT_THAT(advice(no_socket, "apparmor"), StartsWith("QEMU's user stranger may not make files in"));
}

TEST_F(AdviceOnADomain, WhoseQemuSeesOtherFiles) {
    EXPECT_THAT(advice("qemu: could not open kernel file '" + file.string() + "': No such file or directory"),
                HasSubstr("sees other files there than memrig"));
}

TEST_F(AdviceOnADomain, ThatNoEmulatorCanMake) {
    for (const char* said :
         {"unsupported configuration: unable to find any emulator to serve 'aarch64' architecture",
          "invalid argument: could not find capabilities for arch=ppc64 domaintype=qemu",
          "invalid argument: the machine 'q77' is not supported by emulator '/usr/bin/qemu-system-x86_64'"})
        EXPECT_THAT(advice(said), StartsWith("apt-get install qemu-system-x86")) << said;
}

TEST_F(AdviceOnADomain, ThatKvmCannotRun) {
    EXPECT_THAT(advice("invalid argument: could not find capabilities for arch=x86_64 domaintype=kvm"),
                HasSubstr("--accel tcg"));
}

TEST_F(AdviceOnADomain, IsNoneWhereWeKnowNone) { EXPECT_EQ(advice("Permission denied"), ""); }

TEST(Advice, OnADescriptorThatIsNotPassedOn) {
    EXPECT_THAT(advise_on_descriptor("libvirt: unknown procedure: 443"), HasSubstr("libvirt 8.2 or newer"));
    EXPECT_THAT(advise_on_descriptor("libvirt: this function is not supported by the connection driver: "
                                     "virDomainQemuMonitorCommandWithFiles"),
                HasSubstr("libvirt 8.2 or newer"));
    EXPECT_EQ(advise_on_descriptor("libvirt: Domain not found"), "");
}

TEST(Advice, OnAGdbstubOfAnotherUser) {
    EXPECT_THAT(advise_on_gdbstub("cannot connect to /tmp/memrig.x/gdb: Permission denied"), HasSubstr("user = \""));
    EXPECT_EQ(advise_on_gdbstub("cannot connect to /tmp/memrig.x/gdb: Connection refused"), "");
}

}  // namespace
}  // namespace memrig
