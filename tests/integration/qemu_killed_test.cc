// QEMU is killed at points all over a trial at which memrig turns to it: each such trial is a rig fault, and nothing
// else is hurt.
#include <csignal>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/hash.h"
#include "integration/machine_wrapper.h"
#include "kernel/catalogue.h"
#include "machine/guest_store.h"
#include "run/trial.h"

namespace memrig {
namespace {

// Kills QEMU when it is turned to for the `fatal`th time; 0 for never.
class KillableMachine final : public MachineWrapper {
public:
    KillableMachine(std::unique_ptr<Machine> machine, unsigned fatal, unsigned& turns, int& pid)
        : MachineWrapper(std::move(machine)), fatal_(fatal), turns_(turns) {
        pid = machine_->process_id();
    }
    QmpClient& qmp() override { return turn().qmp(); }
    Result<Probe*> probe() override { return turn().probe(); }
    GuestLink& agent() override { return turn().agent(); }

private:
    Machine& turn() {
        if (++turns_ == fatal_) ::kill(machine_->process_id(), SIGKILL);
        return *machine_;
    }
    unsigned fatal_;
    unsigned& turns_;
};

class KillingHost final : public HostWrapper {
public:
    unsigned fatal = 0;
    unsigned turns = 0;
    int pid = 0;

private:
    std::unique_ptr<Machine> wrap(std::unique_ptr<Machine> machine) override {
        turns = 0;
        return std::make_unique<KillableMachine>(std::move(machine), fatal, turns, pid);
    }
};

std::string hash_of_directory(const fs::path& directory) {
    Hasher hasher;
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(directory))
        if (entry.is_regular_file()) files.push_back(entry.path());
    std::ranges::sort(files);
    for (const auto& file : files) hasher.add(file.string()).add(read_file(file).value_or("unreadable"));
    return hasher.finish();
}

// All of the first and the last turns, where memrig greets, asks, plugs and looks; of those between, when it mostly
// asks what has been written so far, as many as make no long test.
std::vector<unsigned> fatal_turns(unsigned turns) {
    constexpr unsigned at_the_ends = 20, between = 20;
    std::vector<unsigned> chosen;
    const unsigned step = turns > 2 * at_the_ends + between ? (turns - 2 * at_the_ends) / between : 1;
    for (unsigned turn = 1; turn <= turns; turn++)
        if (turn <= at_the_ends || turn + at_the_ends > turns || turn % step == 0) chosen.push_back(turn);
    return chosen;
}

TEST(QemuKilled, AtTheFirstTheLastAndManyOtherTurns) {
    auto directory = TemporaryDirectory::make("memrig-killed");
    ASSERT_TRUE(directory);
    KillingHost backend;
    const auto bench = load_bench("q35");
    const auto kernel = resolve_kernel("debian-6.1-amd64");
    const auto written = load_scenario("acpi-dimm-online");
    ASSERT_TRUE(bench && kernel && written);
    const Scenario scenario = fitted_to(*bench, *written);
    GuestStore store(backend, {});
    const auto guest = store.prepare(*bench, *kernel, Accelerator::tcg);
    ASSERT_TRUE(guest) << guest.error().line();

    const auto trial = [&](unsigned fatal, const std::string& name) {
        backend.fatal = fatal;
        TrialSpec order{*guest, scenario, scenario.arms.front(), 1, 0, {{"onliner", "state"}}, directory->path() / name,
                        {},     {}};
        return run_trial(backend, order);
    };
    const auto whole = trial(0, "whole");
    ASSERT_TRUE(whole) << whole.error().line();
    ASSERT_EQ(whole->result.verdict, Verdict::held) << whole->result.reason;
    const std::string evidence = hash_of_directory(directory->path() / "whole");
    const unsigned turns = backend.turns;
    ASSERT_GT(turns, 8u);

    unsigned rig_faults = 0;
    for (const unsigned fatal : fatal_turns(turns)) {
        const auto killed = trial(fatal, fmt::format("killed-{}", fatal));
        ASSERT_TRUE(killed) << killed.error().line();
        // memrig turns to QEMU more or less often while it waits: a trial may be over before its fatal turn, or need it
        // only to write down what it saw.
        if (killed->result.verdict == Verdict::held) continue;
        EXPECT_EQ(killed->result.verdict, Verdict::rig_fault) << "turn " << fatal << ": " << killed->result.reason;
        EXPECT_NE(killed->result.reason.find("SIGKILL"), std::string::npos) << killed->result.reason;
        EXPECT_EQ(::kill(backend.pid, 0), -1) << "QEMU was not reaped";
        EXPECT_TRUE(fs::exists(directory->path() / fmt::format("killed-{}", fatal) / "verdict.json"));
        rig_faults++;
    }
    EXPECT_GT(rig_faults, 6u);
    EXPECT_EQ(hash_of_directory(directory->path() / "whole"), evidence) << "another trial's files were touched";
    const auto after = trial(0, "after");
    ASSERT_TRUE(after);
    EXPECT_EQ(after->result.verdict, Verdict::held) << after->result.reason;
}

}  // namespace
}  // namespace memrig
