// The races on libvirt's domains, by the real program and a real libvirtd. It needs root, as a libvirtd that serves qemu:///system does.
#include <algorithm>
#include <csignal>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/process.h"
#include "libvirt/backend.h"
#include "machine/guest_store.h"
#include "machine/kernel_catalogue.h"
#include "private_libvirt.h"

namespace memrig {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
constexpr auto kPatience = std::chrono::minutes(20);

class Libvirt : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        obstacle = PrivateLibvirt::obstacle();
        if (!obstacle.empty()) return;
        libvirt = new PrivateLibvirt();
        fs::create_directory(temporary());
    }
    static void TearDownTestSuite() {
        delete libvirt;
        libvirt = nullptr;
    }
    void SetUp() override {
        if (!obstacle.empty()) GTEST_SKIP() << obstacle;
        ASSERT_NE(libvirt, nullptr);
        before = leftovers();
    }
    void TearDown() override {
        if (libvirt == nullptr) return;
        EXPECT_EQ(domains(), "");
        EXPECT_TRUE(qemus().empty());
        EXPECT_EQ(leftovers(), before);
    }

    static Process spawn(std::vector<std::string> argv, const fs::path& output,
                         std::vector<std::string> environment = {}) {
        std::error_code code;
        fs::remove(output, code);  // it would be added to
        SpawnOptions options;
        options.argv = std::move(argv);
        options.output = output;
        options.environment = std::move(environment);
        options.environment.push_back("TMPDIR=" + temporary().string());
        auto process = Process::spawn(options);
        EXPECT_TRUE(process) << process.error().line();
        return *std::move(process);
    }
    static fs::path output() { return libvirt->work() / "output"; }
    static ExitStatus end_of(Process& process) {
        const auto ended = process.wait(Deadline::after(kPatience));
        EXPECT_TRUE(ended && *ended);
        return ended && *ended ? **ended : ExitStatus{};
    }
    static std::string said() { return read_file(output()).value_or(""); }
    static std::string memrig() { return (fs::read_symlink("/proc/self/exe").parent_path() / "memrig").string(); }
    static Process start_run(std::vector<std::string> more) {
        std::vector<std::string> argv = {memrig(), "run", "--backend", "libvirt:qemu:///system", "--accel", "tcg"};
        argv.insert(argv.end(), more.begin(), more.end());
        return spawn(argv, output());
    }
    // "STATUS: DETAIL (REMEDY)" of each of the doctor's checks of libvirt.
    static std::map<std::string, std::string> doctor(std::vector<std::string> environment = {}) {
        Process run = spawn({memrig(), "doctor", "--backend", "libvirt:qemu:///system", "--json"}, output(),
                            std::move(environment));
        const ExitStatus ended = end_of(run);
        std::map<std::string, std::string> told;
        bool missing = false;
        const json all = json::parse(said());
        for (const auto& check : all.at("checks")) {
            const auto text = [&](const char* key) { return check[key].get<std::string>(); };
            missing |= text("status") == "missing";
            if (text("name").starts_with("libvirt"))
                told[text("name")] = fmt::format("{}: {} ({})", text("status"), text("detail"), text("remedy"));
        }
        EXPECT_EQ(ended.code, missing ? 3 : 0) << said();
        return told;
    }
    // A cache of a kernel that everybody may read, below a directory that libvirt's QEMU may enter, too.
    static fs::path make_readable_cache() {
        const auto kernel = resolve_kernel("debian-6.1-amd64");
        EXPECT_TRUE(kernel);
        const fs::path cache = libvirt->work() / "cache", package = libvirt->work() / "package";
        fs::create_directories(cache / "kernels");
        fs::create_directories(package / "root" / "boot");
        fs::create_directory_symlink(kernel->modules_root / "lib", package / "root" / "lib");
        fs::copy(kernel->image, package / "root" / "boot");
        EXPECT_TRUE(write_file(cache / "kernels" / "debian-6.1-amd64", package.string()));
        fs::permissions(libvirt->work(), fs::perms::others_exec | fs::perms::group_exec, fs::perm_options::add);
        return cache;
    }
    // How often each verdict came, by arm.
    static std::map<std::string, std::map<std::string, int>> verdicts(const fs::path& results) {
        std::map<std::string, std::map<std::string, int>> counts;
        const json all = json::parse(read_file(results).value_or("{}"));
        for (const auto& arm : all.value("arms", json::array()))
            counts[arm["arm"]] = arm["verdicts"].get<std::map<std::string, int>>();
        return counts;
    }
    static std::string domains(const std::string& which = "--all") {
        Process virsh =
            spawn({"virsh", "-q", "-c", "qemu:///system", "list", which, "--name"}, libvirt->work() / "domains");
        EXPECT_TRUE(end_of(virsh).success());
        std::string names = read_file(libvirt->work() / "domains").value_or("");
        std::erase(names, '\n');
        return names;
    }
    // Where memrig's temporary directories are: TMPDIR, which is no other program's here.
    static fs::path temporary() { return libvirt->work() / "tmp"; }
    static std::set<std::string> leftovers() {
        std::set<std::string> names;
        for (const auto& entry : fs::directory_iterator(temporary()))
            if (entry.path().filename().string().starts_with("memrig-")) names.insert(entry.path().filename());
        return names;
    }

    // QEMUs of this test's domains: their gdbstub's socket is in its directory.
    static std::set<std::string> qemus() {
        std::set<std::string> pids;
        for (const auto& entry : fs::directory_iterator("/proc")) {
            const std::string name = entry.path().filename();
            if (name.find_first_not_of("0123456789") != std::string::npos) continue;
            std::ifstream file(entry.path() / "cmdline");
            const std::string line((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
            if (line.find("guest=memrig-") != std::string::npos && line.find(temporary().string()) != std::string::npos)
                pids.insert(name);
        }
        return pids;
    }
    // Runs until a domain is there, or the program has ended. One that runs has been met by memrig.
    static bool wait_for_domain(Process& run, const std::string& which = "--all") {
        while (domains(which).empty())
            if (const auto ended = run.wait(Deadline::after(std::chrono::milliseconds(20))); !ended || *ended)
                return false;
        return true;
    }
    // What ends by itself when whoever made it is gone.
    static bool all_end() {
        const Deadline patience = Deadline::after(std::chrono::minutes(5));
        while (!(domains().empty() && qemus().empty()) && !patience.expired()) sched_yield();
        return domains().empty() && qemus().empty();
    }

    // Both arms, that many trials each. Where the evidence is.
    static fs::path races(const std::string& scenario, const std::string& kernel, int trials,
                          const std::string& convictions = "oops deadlock") {
        const fs::path out = libvirt->work() / (fs::path(scenario).filename().string() + "-on-" + kernel);
        Process run = start_run({scenario, "--kernel", kernel, "--trials", std::to_string(trials), "--jobs",
                                 std::to_string(trials), "--out", out.string()});
        EXPECT_TRUE(end_of(run).success()) << said();
        auto counts = verdicts(out / "results.json");
        EXPECT_EQ(counts["control"]["held"], trials) << said();
        int convicted = 0;
        std::istringstream which(convictions);
        for (std::string verdict; which >> verdict;) convicted += counts["mutant"][verdict];
        EXPECT_EQ(convicted, trials) << said();
        return out / scenario / kernel;
    }
    // What the monitor carried in the first trial of the control arm.
    static std::string qmp_of(const fs::path& evidence) {
        return read_file(evidence / "control" / "0001" / "qmp.jsonl").value_or("");
    }

    static inline std::string obstacle;
    static inline PrivateLibvirt* libvirt = nullptr;
    std::set<std::string> before;
};

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

TEST_F(Libvirt, RefusesABenchWhoseLineToTheAgentItCannotGive) {
    const auto backend = connect_libvirt("qemu:///system");
    ASSERT_TRUE(backend) << backend.error().line();
    MachineOrder order;
    order.bench = load_bench("powernv").value();
    const auto machine = (*backend)->create(order, Deadline::after(kPatience));
    ASSERT_FALSE(machine);
    EXPECT_EQ(machine.error().fault, Fault::user_input);
    EXPECT_THAT(machine.error().message, HasSubstr("bench powernv cannot be played through libvirt"));
}

// What comes on one stream is not missed while libvirt's client reads for another caller.
TEST_F(Libvirt, AnswersComeWhileTheConnectionIsBusy) {
    const auto backend = connect_libvirt("qemu:///system");
    ASSERT_TRUE(backend) << backend.error().line();
    const auto bench = load_bench("q35");
    const auto kernel = resolve_kernel("debian-6.1-amd64");
    ASSERT_TRUE(bench && kernel);
    const auto guest = GuestStore(**backend, {}).prepare(*bench, *kernel, Accelerator::tcg);
    ASSERT_TRUE(guest) << guest.error().line();
    const auto machine = (*backend)->restore((*guest)->order, (*guest)->state, Deadline::after(kPatience));
    ASSERT_TRUE(machine) << machine.error().line();
    ASSERT_TRUE((*machine)->start(Deadline::after(kPatience)));
    std::jthread others([&](const std::stop_token& enough) {
        while (!enough.stop_requested()) EXPECT_TRUE((*backend)->version(*bench));
    });
    for (int i = 0; i < 400; ++i) {
        const auto blocks = (*machine)->agent().blocks(Deadline::after(std::chrono::minutes(5)));
        ASSERT_TRUE(blocks) << "question " << i << ": " << blocks.error().line();
    }
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
}

TEST_F(Libvirt, EndsItsDomainsWhenLibvirtIsGone) {
    Process run = start_run({"race/acpi-dimm-online", "--trials", "100", "--out", (libvirt->work() / "met").string()});
    ASSERT_TRUE(wait_for_domain(run, "--state-running")) << said();
    libvirt->kill();
    EXPECT_EQ(end_of(run).code, 3) << said();
    EXPECT_TRUE(qemus().empty());
    libvirt->start();
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
