// Campaigns over fake machines: what becomes of trials whose machine does not do what it should, and of bad orders.
#include <algorithm>

#include "run/replay.h"
#include "run/run.h"
#include "unit/run/run_fixture.h"

namespace memrig {
namespace {

// --- restoring

TEST_F(CampaignTest, AGuestThatDoesNotRestoreIsBootedAnewAndTheTrialPlayedAgain) {
    backend.on_restore = [](FakeMachine&, unsigned number) -> Status {
        if (number == 1) return fail(Fault::rig, "restoring the guest failed in QEMU");
        return {};
    };
    const TrialResult trial = only_trial();
    EXPECT_EQ(backend.created(), 2u);
    EXPECT_EQ(backend.restored(), 3u) << "the second to arm it";
    EXPECT_FALSE(trial.did_not_restore);
    EXPECT_EQ(trial.verdict, Verdict::inconclusive) << "the fake kernel has no symbols to be watched";
}

TEST_F(CampaignTest, AGuestThatDoesNotRestoreTwiceIsAFaultOfTheRig) {
    backend.on_restore = [](FakeMachine&, unsigned) -> Status {
        return fail(Fault::rig, "restoring the guest failed in QEMU");
    };
    const RunResults all = results();
    ASSERT_EQ(all.arms[0].trials.size(), 1u);
    EXPECT_EQ(all.arms[0].trials[0].verdict, Verdict::rig_fault);
    EXPECT_EQ(all.arms[0].trials[0].reason, "restoring the guest failed in QEMU");
    EXPECT_EQ(all.exit_status(), 3);
    EXPECT_EQ(backend.created(), 2u);
}

TEST_F(CampaignTest, ABrokenGuestIsBootedAnewOnceForAllItsTrials) {
    order.trials = 4;
    order.jobs = 2;
    order.arm = "all";
    backend.on_restore = [this](FakeMachine&, unsigned) -> Status {
        if (boots == 1) return fail(Fault::rig, "restoring the guest failed in QEMU");
        return {};
    };
    backend.on_create = [this](FakeMachine&, unsigned number) -> Status {
        boots = number;  // on_create and on_restore are called one at a time
        return {};
    };
    const RunResults all = results();
    EXPECT_EQ(backend.created(), 2u);
    for (const auto& arm : all.arms) {
        EXPECT_EQ(arm.trials.size(), 4u);
        for (const auto& trial : arm.trials) EXPECT_FALSE(trial.did_not_restore);
    }
}

TEST_F(CampaignTest, AQemuThatWasKilledSaysNothingAboutTheSavedGuest) {
    order.trials = 2;
    backend.on_restore = [](FakeMachine&, unsigned number) -> Status {
        if (number == 1) return std::unexpected(Error{Fault::rig, "QEMU ended: killed", {}, ProcessEnd::killed});
        return {};
    };
    const RunResults all = results();
    EXPECT_EQ(backend.created(), 1u);
    ASSERT_EQ(all.arms[0].trials.size(), 2u);
    EXPECT_EQ(all.arms[0].trials[0].verdict, Verdict::rig_fault);
    EXPECT_EQ(all.arms[0].trials[1].verdict, Verdict::inconclusive) << "the rest go on";
}

TEST_F(CampaignTest, OnlyTheKindOfAnErrorSaysThatQemuWasKilled) {
    backend.on_restore = [](FakeMachine&, unsigned number) -> Status {
        if (number > 1) return {};
        return std::unexpected(
            Error{Fault::rig, "QEMU ended: exit status 1: a page was killed by the migration", {}, ProcessEnd::exited});
    };
    EXPECT_FALSE(only_trial().did_not_restore);
    EXPECT_EQ(backend.created(), 2u) << "the guest is booted anew";
}

// --- trials

TEST_F(CampaignTest, AKernelThatCrashesWhereNobodyWatchesIsConvictedByItsConsole) {
    order.manner.mode = Mode::free;
    order.trials = 2;
    backend.on_restore = [](FakeMachine& machine, unsigned number) -> Status {
        machine.guest.files["/proc/iomem"] = "";
        machine.monitor.expect("query-memory-devices").reply(nlohmann::json::array());
        machine.monitor.expect("qom-list").reply(nlohmann::json::array());
        machine.guest.writer_status = fail(Fault::guest, "the agent did not answer within 60.0 s");
        if (number == 1)
            machine.print(
                "[    8.711915] BUG: Unable to handle kernel data access on write at 0xc000000040000000\n"
                "[    8.715722] Oops: Kernel access of bad area, sig: 11 [#1]\n"
                "[    8.722330] ---[ end trace 0000000000000000 ]---\n");
        return {};
    };
    const RunResults all = results();
    ASSERT_EQ(all.arms.at(0).trials.size(), 2u);
    EXPECT_EQ(all.arms[0].trials[0].verdict, Verdict::oops) << all.arms[0].trials[0].reason;
    EXPECT_EQ(all.arms[0].trials[1].verdict, Verdict::inconclusive);
    EXPECT_EQ(all.arms[0].trials[1].reason, "the agent did not answer within 60.0 s");
}

// As after a restore by a QEMU that does not save all timers.
class StandingClocks : public CampaignTest {
protected:
    std::string reason_if(const Result<PassedTime>& passed) {
        backend.on_restore = [&](FakeMachine& machine, unsigned) -> Status {
            machine.guest.files["/proc/iomem"] = "";
            machine.monitor.expect("query-memory-devices").reply(nlohmann::json::array());
            machine.monitor.expect("qom-list").reply(nlohmann::json::array());
            machine.guest.passed_time = passed;
            return {};
        };
        const TrialResult trial = only_trial();
        EXPECT_EQ(trial.verdict, Verdict::inconclusive);
        return trial.reason;
    }
};

TEST_F(StandingClocks, AGuestThatDoesNotAnswerIsNotPlayedWith) {
    EXPECT_EQ(reason_if(fail(Fault::guest, "the agent did not answer within 60.0 s")),
              "this guest cannot be judged: clocks are not armed: timers or RCU stand still: the agent did not answer "
              "within 60.0 s");
}

TEST_F(StandingClocks, AGuestOfWhichOneCpuWasNotTriedIsNotPlayedWith) {
    EXPECT_EQ(reason_if(PassedTime{2, true}),
              "this guest cannot be judged: clocks are not armed: a timer expired on 2 of 3 CPUs");
}

TEST_F(CampaignTest, AProbeThatDoesNotConnectIsAFaultOfTheRig) {
    backend.on_restore = [](FakeMachine& machine, unsigned) -> Status {
        machine.probe_status = fail(Fault::rig, "connect to gdb: refused");
        return {};
    };
    const TrialResult trial = only_trial();
    EXPECT_EQ(trial.verdict, Verdict::rig_fault);
    EXPECT_EQ(trial.reason, "connect to gdb: refused");
    EXPECT_FALSE(trial.as_expected);
}

TEST_F(CampaignTest, ADeadQemuIsNamedRatherThanItsEcho) {
    backend.on_restore = [](FakeMachine& machine, unsigned) -> Status {
        machine.probe_status = fail(Fault::rig, "QEMU closed the gdbstub's socket");
        machine.ended = Error{Fault::rig, "QEMU ended: killed by SIGKILL", {}};
        return {};
    };
    EXPECT_EQ(only_trial().reason, "QEMU ended: killed by SIGKILL");
}

TEST_F(CampaignTest, WhatTheGuestDoesNotShowIsInconclusive) {
    backend.on_restore = [](FakeMachine& machine, unsigned) -> Status {
        machine.guest.greeting = fail(Fault::guest, "the agent does not answer");
        return {};
    };
    const TrialResult trial = only_trial();
    EXPECT_EQ(trial.verdict, Verdict::inconclusive);
    EXPECT_EQ(trial.reason, "the agent does not answer");
}

TEST_F(CampaignTest, ATrialLeavesItsEvidence) {
    backend.on_restore = [](FakeMachine& machine, unsigned) -> Status {
        machine.print("a line of the console\n");
        return {};
    };
    const TrialResult trial = only_trial();
    const fs::path place = order.out / trial.directory;
    for (const auto* file : {"console.log", "qmp.jsonl", "agent.log", "probe.log", "verdict.json"})
        EXPECT_TRUE(fs::exists(place / file)) << file;
    EXPECT_NE(read_file(place / "console.log")->find("a line of the console"), std::string::npos);
    const auto verdict = nlohmann::json::parse(*read_file(place / "verdict.json"));
    EXPECT_EQ(verdict["schema"], 1);
    EXPECT_EQ(verdict["verdict"], "inconclusive");
    EXPECT_EQ(verdict["seed"], trial.seed);
}

TEST_F(CampaignTest, EveryTrialOfEveryArmIsRunOnceAndInOrder) {
    order.arm = "all";
    order.trials = 5;
    order.jobs = 2;
    const RunResults all = results();
    EXPECT_EQ(observer.planned_trials, 10u);
    EXPECT_EQ(observer.done, 10u);
    EXPECT_EQ(backend.restored(), 11u) << "the first to arm it";
    ASSERT_EQ(all.arms.size(), 2u);
    for (const auto& arm : all.arms) {
        EXPECT_EQ(arm.trials_asked, 5u);
        ASSERT_EQ(arm.trials.size(), 5u);
        for (unsigned i = 0; i < 5; i++) EXPECT_EQ(arm.trials[i].number, i + 1);
    }
    EXPECT_EQ(all.kernels.size(), 1u);
    EXPECT_EQ(all.exit_status(), 1) << "inconclusive is never as expected";
}

TEST_F(CampaignTest, TheSeedChoosesWhatTheScenarioLeavesOpen) {
    order.trials = 4;
    std::map<std::string, unsigned> chosen;
    const RunResults all = results();
    for (const auto& trial : all.arms[0].trials) chosen[trial.choices.at("onliner.attribute")]++;
    EXPECT_EQ(chosen, (std::map<std::string, unsigned>{{"online", 2}, {"state", 2}}));
}

TEST_F(CampaignTest, ASettingFixesIt) {
    order.trials = 4;
    order.manner.settings = {"onliner.attribute=online"};
    const RunResults all = results();
    ASSERT_EQ(all.arms[0].trials.size(), 4u);
    for (const auto& trial : all.arms[0].trials) EXPECT_EQ(trial.choices.at("onliner.attribute"), "online");
}

TEST_F(CampaignTest, WhatAnArmSetsIsForThatArmAlone) {
    order.scenarios = {"validate/dimm-over-maxmem"};
    order.arm = "all";
    const RunResults all = results();
    ASSERT_EQ(all.arms.size(), 2u);
    const auto recipe = [&](const ArmResult& arm) {
        const auto text = read_file(order.out / arm.trials.at(0).directory / "trial.json");
        return text ? nlohmann::json::parse(*text).at("settings") : nlohmann::json();
    };
    EXPECT_EQ(recipe(all.arms[0]), nlohmann::json::array());
    EXPECT_EQ(recipe(all.arms[1]), nlohmann::json::array({"greedy.size=128M"}));
}

// --- replay

TEST_F(CampaignTest, ATrialCanBePlayedAgainFromWhatItLeft) {
    const TrialResult trial = only_trial();
    const auto again =
        replay_trial({order.out / trial.directory, "", "", 2, directory.path() / "again"}, backend, observer);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->recorded.reason, trial.reason);
    ASSERT_EQ(again->arm.trials.size(), 2u);
    EXPECT_TRUE(again->same_verdict());
    EXPECT_TRUE(again->warnings.empty());
    EXPECT_EQ(again->arm.trials[0].choices, trial.choices);
    EXPECT_TRUE(fs::exists(directory.path() / "again" / "0002" / "trial.json"));
}

TEST_F(CampaignTest, ARecordThatDoesNotSayWhatWasChosenIsRefused) {
    const TrialResult trial = only_trial();
    const fs::path recipe = order.out / trial.directory / "trial.json";
    const auto recorded = nlohmann::json::parse(*read_file(recipe));
    for (const auto& attributes : {R"({})", R"({"onliner": "valid_zones"})", R"({"adder": "state"})"}) {
        auto changed = recorded;
        changed["attributes"] = nlohmann::json::parse(attributes);
        ASSERT_TRUE(write_file(recipe, changed.dump()));
        const auto again =
            replay_trial({recipe.parent_path(), "", "", 1, directory.path() / "again"}, backend, observer);
        ASSERT_FALSE(again) << attributes;
        EXPECT_EQ(again.error().fault, Fault::user_input);
        EXPECT_NE(again.error().message.find("which attribute onliner writes"), std::string::npos);
    }
}

// --- explore mode

// A skipped arm has a place among the results, but not among the arms to play: the places of the others differ.
TEST_F(CampaignTest, StopAtFirstEndsTheArmThatConvictsWhereAnArmBeforeItIsSkipped) {
    order.scenarios = {"race/probe-probe", "race/acpi-dimm-online"};
    order.manner.mode = Mode::explore;
    backend.on_create = [make = backend.on_create](FakeMachine& machine, unsigned number) -> Status {
        machine.guest.files.erase("/sys/devices/system/memory/probe");
        return make(machine, number);
    };
    const RunResults first = results();
    ASSERT_EQ(first.arms.size(), 2u);
    ASSERT_TRUE(first.arms[0].skipped.starts_with("this kernel has not the memory probe interface"))
        << first.arms[0].skipped;
    ASSERT_EQ(first.arms[1].trials.size(), 1u);
    ASSERT_EQ(first.arms[1].trials[0].verdict, Verdict::inconclusive) << first.arms[1].trials[0].reason;

    // The journal is made to say that the played order showed three more.
    const fs::path journal = order.out / first.arms[1].trials[0].directory.parent_path() / "explored.jsonl";
    const std::string text = *read_file(journal);
    const std::size_t second = text.find('\n') + 1;
    auto played = nlohmann::json::parse(text.substr(second));
    played["trial"]["verdict"] = "held";
    played["trial"]["as_expected"] = true;
    for (unsigned nth = 1; nth <= 3; nth++)
        played["branches"]["orders"].push_back(
            {{{"actor", "adder"}, {"at", "device_add"}, {"nth", nth}, {"to", "onliner"}, {"forced", false}}});
    ASSERT_TRUE(write_file(journal, text.substr(0, second) + played.dump() + "\n"));

    order.resume = true;
    order.stop_at_first = true;
    order.trials = 0;
    const RunResults resumed = results();
    ASSERT_EQ(resumed.arms.size(), 2u);
    EXPECT_EQ(resumed.fault, "");
    EXPECT_TRUE(resumed.arms[0].trials.empty());
    EXPECT_EQ(resumed.arms[1].trials.size(), 2u) << "the second trial does not come out as expected, so it is the last";
    ASSERT_TRUE(resumed.arms[1].explored);
    EXPECT_TRUE(resumed.arms[1].explored->stopped_at_first);

    // The journal has the second trial now, which ended the arm.
    EXPECT_EQ(results().arms[1].trials.size(), 2u) << "nothing is left to play";
    order.stop_at_first = false;
    order.trials = 2;
    EXPECT_EQ(results().arms[1].trials.size(), 2u) << "so many were asked for";
}

// --- the observer

TEST_F(CampaignTest, AHostWithoutAnObserverFallsBackAndSaysSo) {
    const TrialResult trial = only_trial();
    EXPECT_FALSE(trial.observed);
    EXPECT_EQ(trial.unobserved, "the machines of fake have no observer");
    order.out = directory.path() / "by-stops";
    order.manner.observe = Observing::stops;
    EXPECT_EQ(only_trial().unobserved, "") << "none was asked for";
    order.out = directory.path() / "free";
    order.manner.observe = Observing::plugin;
    order.manner.mode = Mode::free;
    EXPECT_EQ(only_trial().unobserved, "") << "a trial without a ledger has no use for one";
}

// --- bad orders

TEST_F(CampaignTest, ADirectoryThatIsNotEmptyIsRefused) {
    ASSERT_TRUE(make_directories(order.out));
    ASSERT_TRUE(write_file(order.out / "mine", "precious"));
    expect_refused("is not empty");
    EXPECT_EQ(read_file(order.out / "mine"), "precious");
}

TEST_F(CampaignTest, AnEmptyDirectoryIsTaken) {
    ASSERT_TRUE(make_directories(order.out));
    EXPECT_TRUE(run());
}

TEST_F(CampaignTest, WhatIsNotThereIsTheUsersMistake) {
    order.arm = "mutan";
    expect_refused("has no arm \"mutan\"");
    order.arm = "control";
    order.bench = "pseries-of-nobody";
    expect_refused("bench");
    order.bench.clear();
    order.scenarios = {"no-such-scenario"};
    expect_refused("no-such-scenario");
    order.scenarios = {"race/acpi-dimm-online"};
    order.kernels = {"no-such-kernel"};
    expect_refused("no-such-kernel");
    order.kernels = {(directory.path() / "nothing").string()};
    expect_refused("nothing");
    order.kernels = {kernel_path().string()};
    order.accelerator = "xen";
    expect_refused("xen");
}

TEST_F(CampaignTest, BadSettingsAreTheUsersMistake) {
    for (const auto* setting :
         {"", "attribute=online", "onliner.attribute", "nobody.attribute=online", "onliner.size=1G",
          "adder.attribute=online", "onliner.attribute=valid_zones", "onliner=attribute.online"}) {
        order.manner.settings = {setting};
        const auto run_results = run();
        ASSERT_FALSE(run_results) << setting;
        EXPECT_EQ(run_results.error().fault, Fault::user_input);
    }
}

}  // namespace
}  // namespace memrig
