// memrig's own program on a libvirtd of the test's own: what it leaves is looked at after each test.
#pragma once

#include <csignal>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/process.h"
#include "integration/private_libvirt.h"
#include "kernel/catalogue.h"

namespace memrig {

class Libvirt : public ::testing::Test {
protected:
    static constexpr auto kPatience = std::chrono::minutes(20);
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
        const nlohmann::json all = nlohmann::json::parse(said());
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
        fs::create_directories(package / "root/lib/modules");
        fs::create_directory_symlink(kernel->modules, package / "root/lib/modules" / kernel->release);
        fs::copy(kernel->image, package / "root" / "boot");
        EXPECT_TRUE(write_file(cache / "kernels" / "debian-6.1-amd64", package.string()));
        fs::permissions(libvirt->work(), fs::perms::others_exec | fs::perms::group_exec, fs::perm_options::add);
        return cache;
    }
    // The number of trials with each verdict, by arm.
    static std::map<std::string, std::map<std::string, int>> verdicts(const fs::path& results) {
        std::map<std::string, std::map<std::string, int>> counts;
        const nlohmann::json all = nlohmann::json::parse(read_file(results).value_or("{}"));
        for (const auto& arm : all.value("arms", nlohmann::json::array()))
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
    // Waits until no domain and no QEMU is left: they end by themselves once their maker is gone.
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
    // The messages of the monitor in the first trial of the control arm.
    static std::string qmp_of(const fs::path& evidence) {
        return read_file(evidence / "control" / "0001" / "qmp.jsonl").value_or("");
    }

    static inline std::string obstacle;
    static inline PrivateLibvirt* libvirt = nullptr;
    std::set<std::string> before;
};

}  // namespace memrig
