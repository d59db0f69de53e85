// A libvirt of an unprivileged user's own, qemu:///session. Only root can become such a user.
#include <fstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "kernel/catalogue.h"
#include "libvirt/advice.h"
#include "private_libvirt.h"

namespace memrig {
namespace {

using nlohmann::json;
constexpr uid_t kNobody = 65534;
constexpr auto kSessionPatience = std::chrono::minutes(20);

class LibvirtSession : public ::testing::Test {
protected:
    void SetUp() override {
        std::string obstacle =
            ::geteuid() != 0 ? "only root can become another user" : test::enter_private_mounts(true);
        if (obstacle.empty())
            obstacle = what_keeps_out(account_of(kNobody, kNobody), fs::read_symlink("/proc/self/exe"), Access::read);
        if (!obstacle.empty()) GTEST_SKIP() << obstacle;
        ASSERT_EQ(::mount("tmpfs", "/run", "tmpfs", 0, "mode=0755"), 0) << std::strerror(errno);
        for (const char* name : {"home", "runtime", "tmp", "cache", "cache/kernels", "out"}) {
            fs::create_directory(place / name);
            ASSERT_EQ(::chown((place / name).c_str(), kNobody, kNobody), 0);
        }
        // As everywhere; libvirt has a lock file there for each console that is open.
        fs::create_directory(place / "lock");
        fs::permissions(place / "lock", fs::perms::all | fs::perms::sticky_bit);
        make_cache();
    }

    // The user's cache has one kernel, without a right to write to it.
    void make_cache() {
        const auto kernel = resolve_kernel("debian-6.1-amd64");
        ASSERT_TRUE(kernel) << kernel.error().line();
        const fs::path package = place / "package", root = kernel->image.parent_path().parent_path();
        fs::create_directories(package / "root");
        ASSERT_EQ(::mount(root.c_str(), (package / "root").c_str(), nullptr, MS_BIND, nullptr), 0);
        ASSERT_TRUE(write_file(place / "cache/kernels/debian-6.1-amd64", package.string()));
        fs::permissions(place / "cache/kernels/debian-6.1-amd64", fs::perms::others_read, fs::perm_options::add);
    }

    // By that user, who has nothing of ours.
    Process spawn(std::vector<std::string> command, const std::string& output) const {
        SpawnOptions options;
        options.argv = {"setpriv", "--reuid=" + std::to_string(kNobody), "--regid=" + std::to_string(kNobody),
                        "--clear-groups", "env"};
        for (const auto& [name, directory] :
             {std::pair("HOME", "home"), {"XDG_RUNTIME_DIR", "runtime"}, {"TMPDIR", "tmp"}, {"MEMRIG_CACHE", "cache"}})
            options.argv.push_back(fmt::format("{}={}", name, (place / directory).string()));
        for (auto& word : command) options.argv.push_back(std::move(word));
        options.output = place / output;
        auto process = Process::spawn(options);
        EXPECT_TRUE(process) << process.error().line();
        return *std::move(process);
    }
    static ExitStatus end_of(Process& process) {
        const auto ended = process.wait(Deadline::after(kSessionPatience));
        EXPECT_TRUE(ended && *ended);
        return ended && *ended ? **ended : ExitStatus{};
    }
    [[nodiscard]] std::string text(const std::string& output) const { return read_file(place / output).value_or(""); }

    const fs::path place = "/run";
};

TEST_F(LibvirtSession, RacesADimm) {
    Process daemon =
        spawn({"PATH=" + few_emulators(place / "emulators"), find_program("libvirtd")->string()}, "daemon");
    const fs::path socket = place / "runtime/libvirt/libvirt-sock";
    const Deadline patience = Deadline::after(std::chrono::minutes(5));
    while (!connect_unix(socket.string(), Deadline::after(std::chrono::milliseconds(20))) && !patience.expired())
        ASSERT_FALSE(daemon.wait(Deadline::after(std::chrono::milliseconds(20))).value()) << text("daemon");

    const std::string memrig = (fs::read_symlink("/proc/self/exe").parent_path() / "memrig").string();
    Process run = spawn({memrig, "run", "race/acpi-dimm-online", "--trials", "2", "--accel", "tcg", "--backend",
                         "libvirt:qemu:///session", "--out", (place / "out/race").string()},
                        "run");
    EXPECT_TRUE(end_of(run).success()) << text("run") << text("daemon");
    const json results = json::parse(text("out/race/results.json"));
    EXPECT_EQ(results["arms"][0]["verdicts"], json({{"held", 2}})) << text("run");
    EXPECT_EQ(results["arms"][1]["verdicts"], json({{"oops", 2}})) << text("run");

    Process virsh = spawn({"virsh", "-q", "-c", "qemu:///session", "list", "--all", "--name"}, "domains");
    EXPECT_TRUE(end_of(virsh).success());
    EXPECT_EQ(text("domains").find("memrig"), std::string::npos) << text("domains");
    for (const auto& entry : fs::directory_iterator(place / "tmp")) ADD_FAILURE() << entry.path() << " is left";
}

}  // namespace
}  // namespace memrig
