// A campaign of real trials by the real program: the coordinator, a worker and a QEMU are killed in the middle, and
// every trial is there once.
#include <csignal>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/process.h"
#include "campaign/status.h"

namespace memrig {
namespace {

constexpr auto kKilledCampaignGlance = std::chrono::milliseconds(20);

class RealCampaign : public ::testing::Test {
protected:
    void SetUp() override {
        directory = std::make_unique<TemporaryDirectory>(*TemporaryDirectory::make("memrig-campaign-test"));
        plan("\"race/acpi-dimm-online\"");
    }
    void plan(const std::string& scenarios) {
        ASSERT_TRUE(write_file(directory->path() / "plan.toml",
                               "schema = 1\nname = \"kills\"\n[[run]]\nscenarios = [" + scenarios +
                                   "]\nkernels = [\"debian-6.1-amd64\"]\ntrials = 4\n"));
    }
    Process start() {
        SpawnOptions options;
        options.argv = {(fs::read_symlink("/proc/self/exe").parent_path() / "memrig").string(),
                        "campaign",
                        "run",
                        (directory->path() / "plan.toml").string(),
                        "--out",
                        campaign().string(),
                        "--jobs",
                        "2",
                        "--accel",
                        "tcg"};
        options.output = directory->path() / "log";
        auto process = Process::spawn(options);
        EXPECT_TRUE(process);
        return *std::move(process);
    }
    fs::path campaign() const { return directory->path() / "campaign"; }
    std::vector<CellProgress> progress() const {
        auto store = CampaignStore::open_to_read(campaign());
        if (!store) return {};
        return store->progress().value_or(std::vector<CellProgress>{});
    }
    unsigned done() const {
        unsigned sum = 0;
        for (const auto& one : progress()) sum += one.done;
        return sum;
    }
    // Processes of this campaign: its evidence directory is among their arguments, QEMU's too.
    std::set<pid_t> processes(const std::string& program) const {
        std::set<pid_t> pids;
        for (const auto& entry : fs::directory_iterator("/proc")) {
            const std::string name = entry.path().filename();
            if (name.find_first_not_of("0123456789") != std::string::npos) continue;
            std::string text;
            if (std::FILE* file = std::fopen((entry.path() / "cmdline").c_str(), "r")) {
                char buffer[65536];
                text.assign(buffer, std::fread(buffer, 1, sizeof buffer, file));
                std::fclose(file);
            }
            const std::string first = text.substr(0, text.find('\0'));
            if (first.find(program) != std::string::npos && text.find(campaign().string()) != std::string::npos)
                pids.insert(std::stoi(name));
        }
        return pids;
    }
    // Until the campaign has that many results, or has ended.
    bool wait_for(Process& process, unsigned results) const {
        while (done() < results) {
            const auto ended = process.wait(Deadline::after(kKilledCampaignGlance));
            if (!ended || *ended) return done() >= results;
        }
        return true;
    }

    std::unique_ptr<TemporaryDirectory> directory;
};

// As a folder of scenarios has some of all machines.
TEST_F(RealCampaign, PassesOverScenariosOfOtherMachines) {
    plan("\"race/dlpar-vcpu\"");
    Process process = start();
    const auto ended = process.wait(Deadline::after(std::chrono::minutes(20)));
    ASSERT_TRUE(ended && *ended);
    EXPECT_EQ((*ended)->code, 4) << read_file(directory->path() / "log").value_or("");
    const auto cells = progress();
    ASSERT_EQ(cells.size(), 2u);
    for (const auto& one : cells) EXPECT_EQ(one.skipped, "it has no bench for x86_64") << one.cell.key();
}

TEST_F(RealCampaign, SurvivesWhoeverIsKilled) {
    unsigned coordinators = 0, workers = 0;
    for (const unsigned results : {1u, 3u}) {
        Process process = start();
        ASSERT_TRUE(wait_for(process, results)) << read_file(directory->path() / "log").value_or("");
        if (results == 3) {
            // A worker first: the coordinator runs its trial again.
            for (const pid_t pid : processes("memrig"))
                if (pid != process.pid() && workers == 0 && ::kill(pid, SIGKILL) == 0) workers++;
            ASSERT_TRUE(wait_for(process, 4)) << read_file(directory->path() / "log").value_or("");
        }
        process.kill();
        coordinators++;
    }
    // Their children die with them: the kernel sends the signal as the parent's thread ends.
    const Deadline patience = Deadline::after(std::chrono::minutes(2));
    while (!processes("").empty() && !patience.expired()) std::this_thread::yield();
    EXPECT_TRUE(processes("").empty());

    Process process = start();
    const auto ended = process.wait(Deadline::after(std::chrono::minutes(20)));
    ASSERT_TRUE(ended && *ended);
    EXPECT_TRUE((*ended)->success()) << (*ended)->text() << "\n" << read_file(directory->path() / "log").value_or("");
    const auto cells = progress();
    ASSERT_EQ(cells.size(), 2u);
    unsigned again = 0;
    for (const auto& one : cells) {
        EXPECT_EQ(one.done, 4u) << one.cell.key();
        EXPECT_EQ(one.as_expected, 4u) << one.cell.key();
        again += one.run_again;
    }
    EXPECT_EQ(coordinators, 2u);
    EXPECT_EQ(workers, 1u);
    EXPECT_GT(again, 0u);
}

}  // namespace
}  // namespace memrig
