// The races on libvirt's domains, by the real program and a real libvirtd. It needs root, as a libvirtd that serves
// qemu:///system does. nightly/libvirt_devices_test.cc has more devices, and arm64.
#include <thread>

#include <gmock/gmock.h>

#include "libvirt/libvirt_host.h"
#include "libvirt_fixture.h"
#include "machine/guest_store.h"

namespace memrig {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Plugged, and unplugged, by libvirt's own calls.
TEST_F(Libvirt, RacesADimm) {
    const std::string qmp = qmp_of(races("race/acpi-dimm-online", "debian-6.1-amd64", 2));
    EXPECT_THAT(qmp, HasSubstr("\"ua-dimm0\""));
    EXPECT_THAT(qmp, Not(HasSubstr("device_add")));
}

TEST_F(Libvirt, RacesARemoval) {
    const std::string qmp =
        qmp_of(races("race/acpi-dimm-remove-online", "debian-6.1-amd64", 1, "rule-broken oops deadlock"));
    EXPECT_THAT(qmp, HasSubstr("DEVICE_DELETED"));
    EXPECT_THAT(qmp, Not(HasSubstr("device_del")));
    EXPECT_THAT(qmp, Not(HasSubstr("object-del")));
}

// Its size is requested by libvirt's own call, and libvirt knows in the end what the guest took.
TEST_F(Libvirt, RacesVirtioMem) {
    const std::string qmp = qmp_of(races("race/virtio-mem-online", "debian-6.1-amd64", 2));
    EXPECT_THAT(qmp, HasSubstr("\"ua-vmem0\""));
    EXPECT_THAT(qmp, HasSubstr("MEMORY_DEVICE_SIZE_CHANGE"));
    EXPECT_THAT(qmp, Not(HasSubstr("qom-set")));
}

// libvirt says so, too, when the guest keeps what it is asked for.
TEST_F(Libvirt, HearsThatADimmIsKept) {
    const fs::path out = libvirt->work() / "kept";
    Process run = start_run({"validate/unplug-refused", "--arm", "control", "--trials", "1", "--out", out.string()});
    EXPECT_TRUE(end_of(run).success()) << said();
    EXPECT_EQ(verdicts(out / "results.json")["control"]["held"], 1) << said();
    EXPECT_THAT(qmp_of(out / "validate/unplug-refused/debian-6.1-amd64"), Not(HasSubstr("device_del")));
}

TEST_F(Libvirt, RacesADimmOnPower) { races("race/acpi-dimm-online", "debian-6.1-ppc64el", 1); }

TEST_F(Libvirt, DoctorTriesADomain) {
    const auto told = doctor();
    EXPECT_THAT(told.at("libvirt"), StartsWith("ok: libvirt "));
    EXPECT_THAT(told.at("libvirt QEMU's user"), StartsWith("ok: root, security driver none"));
    EXPECT_THAT(told.at("libvirt q35"), StartsWith("ok: "));
    EXPECT_THAT(told.at("libvirt domain"), StartsWith("ok: started with debian-"));
}

TEST_F(Libvirt, DoctorTellsWhomQemuIsAndWhatKeepsItOut) {
    const fs::path cache = make_readable_cache(), package = libvirt->work() / "package";
    libvirt->kill();
    libvirt->start("libvirt-qemu");
    fs::permissions(package, fs::perms::owner_all);
    auto told = doctor({"MEMRIG_CACHE=" + cache.string()});
    EXPECT_THAT(told.at("libvirt QEMU's user"), StartsWith("ok: libvirt-qemu"));
    EXPECT_THAT(told.at("libvirt domain"),
                AllOf(StartsWith("missing: libvirt cannot start a domain: "), HasSubstr("could not open kernel file"),
                      HasSubstr("libvirt-qemu may not enter " + package.string() + " (0700 root)"),
                      HasSubstr("MEMRIG_CACHE"), HasSubstr("user = \"root\" in /etc/libvirt/qemu.conf")));

    fs::permissions(package, fs::perms::others_read | fs::perms::others_exec, fs::perm_options::add);
    told = doctor({"MEMRIG_CACHE=" + cache.string()});
    EXPECT_THAT(told.at("libvirt domain"),
                AllOf(HasSubstr("Failed to bind socket"),
                      HasSubstr("libvirt-qemu may not make files in " + temporary().string()),
                      HasSubstr("user = \"root\" in /etc/libvirt/qemu.conf")));
    libvirt->kill();
    libvirt->start();
}

TEST_F(Libvirt, DoctorTellsThatNobodyIsThere) {
    libvirt->kill();
    const auto told = doctor();
    libvirt->start();
    EXPECT_THAT(told.at("libvirt"),
                AllOf(StartsWith("missing: connect to libvirt at qemu:///system: "),
                      HasSubstr("No such file or directory"), HasSubstr("systemctl start libvirtd")));
}

Result<std::shared_ptr<const PreparedGuest>> prepare_q35(Host& backend) {
    MEMRIG_TRY(const Bench bench, load_bench("q35"));
    MEMRIG_TRY(const KernelImage kernel, resolve_kernel("debian-6.1-amd64"));
    return GuestStore(backend, {}).prepare(bench, kernel, Accelerator::tcg);
}

// No answer on a stream is missed while libvirt's client reads for another caller.
TEST_F(Libvirt, AnswersComeWhileTheConnectionIsBusy) {
    const auto backend = connect_libvirt("qemu:///system");
    ASSERT_TRUE(backend) << backend.error().line();
    const auto guest = prepare_q35(**backend);
    ASSERT_TRUE(guest) << guest.error().line();
    const auto machine = (*backend)->restore((*guest)->order, (*guest)->state, Deadline::after(kPatience));
    ASSERT_TRUE(machine) << machine.error().line();
    ASSERT_TRUE((*machine)->start(Deadline::after(kPatience)));
    std::jthread others([&](const std::stop_token& enough) {
        while (!enough.stop_requested()) EXPECT_TRUE((*backend)->version((*guest)->order.bench));
    });
    for (int i = 0; i < 400; ++i) {
        const auto blocks = (*machine)->agent().blocks(Deadline::after(std::chrono::minutes(5)));
        ASSERT_TRUE(blocks) << "question " << i << ": " << blocks.error().line();
    }
}

// A night has thousands of machines, and a process some thousand descriptors.
TEST_F(Libvirt, ConnectionsEndWithTheirMachines) {
    const auto backend = connect_libvirt("qemu:///system");
    ASSERT_TRUE(backend) << backend.error().line();
    const auto guest = prepare_q35(**backend);
    ASSERT_TRUE(guest) << guest.error().line();
    const auto descriptors = [] {
        return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
    };
    const auto at_first = descriptors();
    for (int i = 0; i < 3; ++i)
        ASSERT_TRUE((*backend)->restore((*guest)->order, (*guest)->state, Deadline::after(kPatience)));
    const Deadline patience = Deadline::after(std::chrono::minutes(1));
    while (descriptors() > at_first && !patience.expired()) sched_yield();
    EXPECT_LE(descriptors(), at_first);
}

TEST_F(Libvirt, LeavesNothingWhenInterrupted) {
    Process run = start_run({"race/acpi-dimm-online", "--trials", "100", "--out", (libvirt->work() / "cut").string()});
    ASSERT_TRUE(wait_for_domain(run)) << said();
    ::kill(run.pid(), SIGINT);
    EXPECT_EQ(end_of(run).code, 130) << said();
}

TEST_F(Libvirt, EndsItsDomainsWhenKilled) {
    Process run =
        start_run({"race/acpi-dimm-online", "--trials", "100", "--out", (libvirt->work() / "killed").string()});
    ASSERT_TRUE(wait_for_domain(run)) << said();
    run.kill();
    EXPECT_TRUE(all_end());
    // Its temporary directories are what nobody is left to remove.
    for (const auto& name : leftovers())
        if (!before.contains(name)) fs::remove_all(temporary() / name);
}

TEST_F(Libvirt, SaysThatLibvirtIsGone) {
    Process run = start_run({"race/acpi-dimm-online", "--trials", "100", "--out", (libvirt->work() / "gone").string()});
    ASSERT_TRUE(wait_for_domain(run)) << said();
    libvirt->kill();
    EXPECT_EQ(end_of(run).code, 3) << said();
    EXPECT_NE(said().find("libvirt"), std::string::npos) << said();
    EXPECT_TRUE(qemus().empty());
    libvirt->start();
    EXPECT_TRUE(all_end()) << "it remembers the domain until it has seen that its QEMU is gone";
}

TEST_F(Libvirt, EndsItsDomainsWhenLibvirtIsGone) {
    Process run = start_run({"race/acpi-dimm-online", "--trials", "100", "--out", (libvirt->work() / "met").string()});
    ASSERT_TRUE(wait_for_domain(run, "--state-running")) << said();
    libvirt->kill();
    EXPECT_EQ(end_of(run).code, 3) << said();
    EXPECT_TRUE(qemus().empty());
    libvirt->start();
    EXPECT_TRUE(all_end()) << "it remembers the domain until it has seen that its QEMU is gone";
}

TEST_F(Libvirt, SaysThatNobodyIsThere) {
    libvirt->kill();
    Process run = start_run({"race/acpi-dimm-online"});
    EXPECT_NE(end_of(run).code, 0);
    EXPECT_NE(said().find("connect to libvirt at qemu:///system"), std::string::npos) << said();
    libvirt->start();
}

}  // namespace
}  // namespace memrig
