// Trials on other hosts: libvirt over TLS, to hosts that the test makes in namespaces of their own. It needs root, as
// such hosts do.
#include <csignal>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "libvirt/libvirt_host.h"
#include "libvirt_hosts.h"

namespace memrig {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;
constexpr auto kHostsPatience = std::chrono::minutes(20);

class LibvirtHosts : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        obstacle = HostNetwork::obstacle();
        if (!obstacle.empty()) return;
        network = new HostNetwork();
        fs::create_directory(temporary());
        host = new LibvirtHost(*network, 1);
    }
    static void TearDownTestSuite() {
        delete host;
        delete network;
    }
    void SetUp() override {
        if (!obstacle.empty()) GTEST_SKIP() << obstacle;
        ASSERT_NE(host, nullptr);
    }
    void TearDown() override {
        if (host == nullptr) return;
        EXPECT_EQ(virsh({"list", "--all", "--name"}), "");
        EXPECT_EQ(virsh({"pool-list", "--all", "--name"}), "");
        EXPECT_THAT(host->files(), IsEmpty());
        EXPECT_TRUE(fs::is_empty(temporary()));
    }

    static fs::path temporary() { return network->work() / "tmp"; }
    static fs::path output() { return network->work() / "output"; }
    static std::string said() { return read_file(output()).value_or(""); }
    static Process spawn(std::vector<std::string> argv, const fs::path& to) {
        std::error_code code;
        fs::remove(to, code);  // it would be added to
        SpawnOptions options;
        options.argv = std::move(argv);
        options.output = to;
        options.environment = {"TMPDIR=" + temporary().string()};
        auto process = Process::spawn(options);
        EXPECT_TRUE(process) << process.error().line();
        return *std::move(process);
    }
    static Process start(const std::vector<std::string>& words) {
        std::vector<std::string> argv = {(fs::read_symlink("/proc/self/exe").parent_path() / "memrig").string()};
        argv.insert(argv.end(), words.begin(), words.end());
        return spawn(argv, output());
    }
    static ExitStatus end_of(Process& process) {
        const auto ended = process.wait(Deadline::after(kHostsPatience));
        EXPECT_TRUE(ended && *ended);
        return ended && *ended ? **ended : ExitStatus{};
    }
    static std::string virsh(const std::vector<std::string>& words, const LibvirtHost& where = *host) {
        std::vector<std::string> argv = {"virsh", "-q", "-c", where.uri()};
        argv.insert(argv.end(), words.begin(), words.end());
        Process asked = spawn(argv, network->work() / "virsh");
        std::string text = end_of(asked).success() ? "" : "failed: ";
        text += read_file(network->work() / "virsh").value_or("");
        std::erase(text, '\n');
        return text;
    }
    static Process start_long_run(const std::string& name) {
        return start({"run", "race/acpi-dimm-online", "--trials", "100", "--accel", "tcg", "--backend", host->backend(),
                      "--out", (network->work() / name).string()});
    }
    // "STATUS: DETAIL" of each of the doctor's checks of a domain there.
    static std::vector<std::string> domain_checks() {
        std::vector<std::string> told;
        const json all = json::parse(said());
        for (const auto& check : all.at("checks"))
            if (check["name"] == "libvirt domain")
                told.push_back(check["status"].get<std::string>() + ": " + check["detail"].get<std::string>());
        return told;
    }
    // Until a domain runs, which is after all was sent there; false if the program ended before.
    static bool wait_for_domain(Process& run, const LibvirtHost& where = *host) {
        while (virsh({"list", "--state-running", "--name"}, where).empty())
            if (const auto ended = run.wait(Deadline::after(std::chrono::milliseconds(20))); !ended || *ended)
                return false;
        return true;
    }

    static inline std::string obstacle;
    static inline HostNetwork* network = nullptr;
    static inline LibvirtHost* host = nullptr;
};

TEST_F(LibvirtHosts, RaceThere) {
    const fs::path out = network->work() / "raced";
    Process run = start({"run", "race/acpi-dimm-online", "--trials", "1", "--accel", "tcg", "--backend",
                         host->backend(), "--out", out.string()});
    EXPECT_TRUE(end_of(run).success()) << said() << host->log();
    const json results = json::parse(read_file(out / "results.json").value_or("{}"));
    ASSERT_THAT(results["arms"], SizeIs(2)) << said();
    EXPECT_EQ(results["arms"][0]["verdicts"], json({{"held", 1}})) << said();
    EXPECT_EQ(results["arms"][1]["verdicts"], json({{"oops", 1}})) << said();
    const fs::path trial = out / "race/acpi-dimm-online/debian-6.1-amd64/control/0001";
    EXPECT_THAT(read_file(trial / "domain.xml").value_or(""), HasSubstr("<kernel>/var/tmp/memrig-"));
    EXPECT_THAT(read_file(trial / "qmp.jsonl").value_or(""),
                AllOf(HasSubstr("gdbserver unix:"), Not(HasSubstr("gdbserver tcp:"))));
    EXPECT_THAT(read_file(trial / "console.log").value_or(""), HasSubstr("mtrr: ")) << "it was booted there";
}

TEST_F(LibvirtHosts, PlugsVirtioMemThere) {
    Process run = start({"run", "validate/virtio-mem-plug", "--trials", "1", "--accel", "tcg", "--backend",
                         host->backend(), "--out", (network->work() / "virtio-mem").string()});
    EXPECT_TRUE(end_of(run).success()) << said() << host->log();
}

// Its memory is a file, which is made there.
TEST_F(LibvirtHosts, PlugsAnNvdimmThere) {
    Process run = start({"run", "validate/nvdimm-plug", "--trials", "1", "--accel", "tcg", "--backend", host->backend(),
                         "--out", (network->work() / "nvdimm").string()});
    EXPECT_TRUE(end_of(run).success()) << said() << host->log();
}

// Only such a bench cannot be played, others can: a fault of the host.
TEST_F(LibvirtHosts, RefusesABenchThatItCannotMake) {
    const auto backend = connect_libvirt(host->uri());
    ASSERT_TRUE(backend) << backend.error().line();
    for (const auto& [bench, why] : {std::pair{"powernv", "bench powernv cannot be played on another host"},
                                     {"xen", "libvirt cannot start bench xen"}}) {
        MachineSpec order;
        order.bench = load_bench(bench).value();
        const auto machine = (*backend)->create(order, Deadline::after(kHostsPatience));
        ASSERT_FALSE(machine) << bench;
        EXPECT_EQ(machine.error().fault, Fault::host);
        EXPECT_THAT(machine.error().message, HasSubstr(why));
    }
}

TEST_F(LibvirtHosts, DoctorTriesADomainByTcp) {
    Process run = start({"doctor", "--backend", "libvirt:" + host->tcp_uri(), "--json"});
    (void)end_of(run);
    EXPECT_THAT(domain_checks(), Contains(StartsWith("ok: started with debian-"))) << said();
}

TEST_F(LibvirtHosts, DoctorTriesADomain) {
    Process run = start({"doctor", "--backend", host->backend(), "--json"});
    (void)end_of(run);
    const auto told = domain_checks();
    EXPECT_THAT(told, Contains(StartsWith("ok: started with debian-"))) << said();
    EXPECT_THAT(told, Contains(HasSubstr("sent there, and probed"))) << said();
}

TEST_F(LibvirtHosts, NothingIsLeftThereWhenInterrupted) {
    Process run = start_long_run("cut");
    ASSERT_TRUE(wait_for_domain(run)) << said();
    ::kill(run.pid(), SIGINT);
    EXPECT_EQ(end_of(run).code, 130) << said();
}

TEST_F(LibvirtHosts, WhatAKilledOneLeftIsRemovedByTheNext) {
    Process run = start_long_run("killed");
    ASSERT_TRUE(wait_for_domain(run)) << said();
    run.kill();
    (void)end_of(run);
    EXPECT_THAT(host->files(), SizeIs(1));
    Process next = start({"doctor", "--backend", host->backend()});
    (void)end_of(next);
    EXPECT_THAT(host->files(), IsEmpty());
    for (const auto& entry : fs::directory_iterator(temporary())) fs::remove_all(entry.path());
}

TEST_F(LibvirtHosts, WhatALostHostWasAtIsPlayedOnTheOther) {
    LibvirtHost other(*network, 2);
    const fs::path out = network->work() / "spread";
    Process run = start({"run", "race/acpi-dimm-online", "--arm", "control", "--trials", "5", "--jobs", "2", "--accel",
                         "tcg", "--backend", host->backend() + "," + other.uri(), "--out", out.string()});
    // Both have a guest, so this one is a trial's.
    while (!fs::exists(out) && !run.poll()) ASSERT_TRUE(run.wait(Deadline::after(std::chrono::milliseconds(20))));
    ASSERT_TRUE(wait_for_domain(run, other)) << said();
    other.kill();
    EXPECT_TRUE(end_of(run).success()) << said();
    EXPECT_THAT(said(), HasSubstr("libvirt:" + other.uri() + " is lost: "));
    const json results = json::parse(read_file(out / "results.json").value_or("{}"));
    ASSERT_THAT(results["arms"], SizeIs(1)) << said();
    EXPECT_EQ(results["arms"][0]["verdicts"], json({{"held", 5}})) << said();
    ASSERT_THAT(results["hosts"], SizeIs(2));
    EXPECT_EQ(results["hosts"][0]["trials"].get<int>() + results["hosts"][1]["trials"].get<int>(), 5);
    EXPECT_TRUE(results["hosts"][1].contains("lost")) << results["hosts"];
    EXPECT_FALSE(results["hosts"][0].contains("lost")) << results["hosts"];
}

TEST_F(LibvirtHosts, ACampaignGoesOnWithoutALostHost) {
    LibvirtHost other(*network, 3);
    const fs::path plan = network->work() / "plan.toml", directory = network->work() / "campaign";
    ASSERT_TRUE(write_file(plan, R"(schema = 1
name = "spread"
[[run]]
scenarios = ["race/acpi-dimm-online"]
kernels = ["debian-6.1-amd64"]
trials = 3
)"));
    Process run = start({"campaign", "run", plan.string(), "--out", directory.string(), "--jobs", "2", "--accel", "tcg",
                         "--backend", host->backend() + "," + other.uri()});
    ASSERT_TRUE(wait_for_domain(run, other)) << said();
    other.kill();
    EXPECT_TRUE(end_of(run).success()) << said();
    Process asked = start({"campaign", "status", directory.string(), "--json"});
    EXPECT_TRUE(end_of(asked).success());
    const json status = json::parse(said());
    EXPECT_EQ(status["planned"], 6);
    EXPECT_EQ(status["done"], 6);
    EXPECT_EQ(status["as_expected"], 6);
    ASSERT_THAT(status["hosts"], SizeIs(2)) << status;
    EXPECT_EQ(status["hosts"][0]["done"], 6) << status["hosts"];
    EXPECT_EQ(status["hosts"][1]["lost"], 1) << status["hosts"];
}

}  // namespace
}  // namespace memrig
