// A bundle of a real trial, played again and held: a real gdb finds the guest by the very command that was told, and
// nothing is left behind.
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/process.h"
#include "integration/one_trial.h"
#include "qmp/qmp_client.h"

namespace memrig {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;
constexpr auto kPatience = 5min;
constexpr auto kGlance = std::chrono::milliseconds(50);

class HeldGuest : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        auto made = TemporaryDirectory::make("memrig-held");
        ASSERT_TRUE(made);
        directory = new TemporaryDirectory(std::move(*made));
        const auto backend = make_qemu_backend();
        test::QuietObserver observer;
        RunSpec order = test::one_trial({"acpi-dimm-online"}, "debian-6.1-amd64", directory->path() / "run");
        order.arm = "mutant";
        const auto results = run_scenarios(order, *backend, observer);
        ASSERT_TRUE(results) << results.error().line();
        ASSERT_EQ(results->arms.at(0).trials.at(0).verdict, Verdict::oops);
        const auto packed = run_program(
            {memrig(), "bundle", order.out.string(), results->arms[0].trials[0].directory.string(), "--out", bundle()},
            Deadline::after(kPatience), true);
        ASSERT_TRUE(packed && packed->status.success()) << packed->output;
    }
    static void TearDownTestSuite() {
        delete directory;
        directory = nullptr;
    }
    void SetUp() override { ASSERT_NE(directory, nullptr); }

    static std::string memrig() { return (fs::read_symlink("/proc/self/exe").parent_path() / "memrig").string(); }
    static std::string bundle() { return (directory->path() / "trial.tar.zst").string(); }

    // Plays the trial again, until the guest is held.
    void hold(const std::string& how) {
        work = directory->path() / how;
        ASSERT_TRUE(make_directories(work / "tmp"));
        SpawnOptions options;
        options.argv = {memrig(), "replay", bundle(), how, "--out", (work / "again").string()};
        options.output = work / "log";
        options.environment = {"TMPDIR=" + (work / "tmp").string()};
        auto spawned = Process::spawn(options);
        ASSERT_TRUE(spawned);
        replay.emplace(std::move(*spawned));
        const Deadline deadline = Deadline::after(kPatience);
        while (said().find("Enter or Ctrl-C") == std::string::npos) {
            const auto ended = replay->wait(Deadline::after(kGlance));
            ASSERT_TRUE(ended && !*ended && !deadline.expired()) << said();
        }
        EXPECT_THAT(said(), HasSubstr("1 of 1 replay came to the same verdict"));
        EXPECT_EQ(said().find("warning:"), std::string::npos) << said();
    }
    [[nodiscard]] std::string said() const { return read_file(work / "log").value_or(""); }
    // The text that follows `label` on its line.
    [[nodiscard]] std::string told(const std::string& label) const {
        const std::string text = said();
        const std::size_t at = text.find("\n" + label);
        if (at == std::string::npos) return {};
        const std::size_t from = text.find_first_not_of(' ', at + 1 + label.size());
        return text.substr(from, text.find('\n', from) - from);
    }
    [[nodiscard]] std::string gdb(const std::string& more) const {
        const std::string command = told("gdb:");
        EXPECT_TRUE(command.starts_with("gdb ")) << said();
        const auto ran = run_program({"sh", "-c", command + " -batch -nx " + more + " < /dev/null"},
                                     Deadline::after(kPatience), true);
        EXPECT_TRUE(ran);
        return ran ? ran->output : "";
    }
    [[nodiscard]] std::string status() const {
        const auto qmp = connect_qmp(told("QMP:"), Deadline::after(kPatience));
        EXPECT_TRUE(qmp) << qmp.error().line();
        if (!qmp) return "";
        const auto answer = (*qmp)->execute("query-status", {}, Deadline::after(kPatience));
        return answer ? answer->value("status", "") : "";
    }
    void ends_with(int code) {
        const auto ended = replay->wait(Deadline::after(kPatience));
        ASSERT_TRUE(ended && *ended);
        EXPECT_EQ((*ended)->code, code) << said();
        EXPECT_TRUE(fs::is_empty(work / "tmp")) << "sockets and symbols are gone";
    }

    static inline TemporaryDirectory* directory = nullptr;
    fs::path work;
    std::optional<Process> replay;
};

TEST_F(HeldGuest, StandsAtItsVerdictForGdb) {
    ASSERT_NO_FATAL_FAILURE(hold("--gdb"));
    EXPECT_EQ(status(), "paused");
    const std::string seen =
        gdb("-ex 'info threads' -ex 'print/x (long)&device_hotplug_lock' -ex 'info symbol bus_probe_device' -ex 'x/i "
            "bus_probe_device'");
    EXPECT_THAT(seen, HasSubstr("CPU#0"));
    EXPECT_THAT(seen, HasSubstr("= 0xffffffff"));
    EXPECT_THAT(seen, HasSubstr("bus_probe_device in section"));
    EXPECT_THAT(seen, HasSubstr("<bus_probe_device>:"));
    ASSERT_EQ(::kill(replay->pid(), SIGINT), 0);
    ends_with(0);
}

// Nothing that memrig had set stops it; gdb comes and goes.
TEST_F(HeldGuest, RunsOnUntilItEnds) {
    ASSERT_NO_FATAL_FAILURE(hold("--hold"));
    EXPECT_EQ(status(), "running");
    for (int i = 0; i < 2; i++) {
        EXPECT_THAT(gdb("-ex 'info threads' -ex detach"), HasSubstr("CPU#2"));
        EXPECT_EQ(status(), "running");
    }
    {
        const auto qmp = connect_qmp(told("QMP:"), Deadline::after(kPatience));
        ASSERT_TRUE(qmp) << qmp.error().line();
        ASSERT_TRUE((*qmp)->execute("quit", {}, Deadline::after(kPatience)));
    }
    ends_with(0);
    EXPECT_THAT(said(), HasSubstr("the guest has ended"));
}

}  // namespace
}  // namespace memrig
