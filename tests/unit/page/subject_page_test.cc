// The pages of a run, a kill matrix, a sweep, a hunt and a trial, each read from a directory as memrig leaves it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "page/page.h"
#include "report/hunt_report.h"
#include "report/matrix_report.h"
#include "report/results_json.h"
#include "report/sweep_report.h"
#include "unit/page/sound_page.h"
#include "unit/support/golden_file.h"
#include "unit/support/report_samples.h"

namespace memrig {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class SubjectPage : public ::testing::Test {
protected:
    [[nodiscard]] fs::path path() const { return directory_.path() / "first"; }
    void SetUp() override { fs::create_directories(path()); }
    // Puts the evidence of a recorded trial where a result says that it is.
    void evidence(const std::string& trial, const std::string& below) const {
        fs::create_directories((path() / below).parent_path());
        fs::copy(fs::path(MEMRIG_TEST_DATA) / "data/trials" / trial, path() / below);
    }
    void write_run(const RunResults& results) const {
        ASSERT_TRUE(write_file(path() / "results.json", results_json_text(results)));
    }
    [[nodiscard]] std::string page(std::vector<LoadedCampaign> before = {}) const {
        const auto subject = load_subject(path());
        EXPECT_TRUE(subject) << subject.error().line();
        if (!subject) return "";
        std::string text = subject_page(*subject, std::move(before));
        expect_sound(text);
        return text;
    }

private:
    TemporaryDirectory directory_ = *TemporaryDirectory::make("memrig-subject-page-test");
};

// A run on a kernel by path: one trial of the control deadlocks, the mutant crashes as it should.
RunResults run_with_deadlock() {
    ArmResult control = samples::good_control();
    control.trials[1].verdict = Verdict::deadlock;
    control.trials[1].as_expected = false;
    control.trials[1].reason = "stuck for good";
    control.trials[1].findings = {{"deadlock", Verdict::deadlock, "stuck for good", {}, SentenceKey{"stuck for good"}}};
    control.trials[1].directory = "control/0002";
    ArmResult mutant = samples::arm("mutant", {Verdict::oops}, {samples::trial(1, Verdict::oops, true, "crashed")});
    mutant.trials[0].findings = {{"crash", Verdict::oops, "crashed", {}, SentenceKey{"crashed"}}};
    RunResults results = samples::run({control, mutant});
    for (auto& arm : results.arms) arm.kernel = "/home/me/linux/arch/x86/boot/bzImage";
    results.kernels[0].id = "/home/me/linux/arch/x86/boot/bzImage";
    return results;
}

TEST_F(SubjectPage, OfARunShowsTheUnexpectedFirstAndFoldsTheRest) {
    write_run(run_with_deadlock());
    evidence("deadlock", "control/0002");
    const std::string text = page();
    EXPECT_THAT(text, HasSubstr("<h1>Run first</h1>"));
    EXPECT_THAT(text, HasSubstr("1 result not as expected"));
    EXPECT_THAT(text, HasSubstr("Expected: 1 finding</summary>"));
    EXPECT_LT(text.find("Not expected, or new"), text.find("Expected: 1 finding"));
    EXPECT_LT(text.find("id=\"findings\""), text.find("id=\"matrix\""));
    EXPECT_THAT(text, HasSubstr("Lock timeline"));
    EXPECT_THAT(text, HasSubstr("5 trials</summary>"));
    EXPECT_THAT(text, Not(HasSubstr("One campaign has no trend")));
}

TEST_F(SubjectPage, NamesAKernelByItsReleaseAndNeverByItsPath) {
    write_run(run_with_deadlock());
    const std::string text = page();
    EXPECT_THAT(text, Not(HasSubstr("/home/me/linux")));
    EXPECT_THAT(text, HasSubstr("race/acpi-dimm-online 6.1.0-44-cloud-amd64 q35 control #2"));
    // A kernel that was not set up has no release.
    RunResults none = run_with_deadlock();
    none.kernels.clear();
    for (auto& arm : none.arms) {
        arm.trials.clear();
        arm.not_set_up = Error{Fault::guest, "it does not boot", {}};
    }
    write_run(none);
    const std::string other = page();
    EXPECT_THAT(other, Not(HasSubstr("/home/me/linux")));
    EXPECT_THAT(other, HasSubstr("bzImage"));
}

TEST_F(SubjectPage, TellsTwoKernelsOfOneReleaseByTheirHashes) {
    RunResults results = run_with_deadlock();
    results.arms[1].kernel = "/home/me/other/bzImage";
    results.kernels.push_back({"/home/me/other/bzImage", results.kernels[0].release, std::string(64, 'b'), 3});
    write_run(results);
    const std::string text = page();
    EXPECT_THAT(text, HasSubstr("6.1.0-44-cloud-amd64 (aaaaaaaaaaaa)"));
    EXPECT_THAT(text, HasSubstr("6.1.0-44-cloud-amd64 (bbbbbbbbbbbb)"));
}

TEST_F(SubjectPage, KnowsWhatIsNewSinceAnEarlierRun) {
    RunResults before = run_with_deadlock();
    before.arms[0] = samples::good_control();
    before.arms[1].trials[0].findings.clear();
    write_run(before);
    const auto earlier = load_subject(path());
    ASSERT_TRUE(earlier);
    write_run(run_with_deadlock());
    const std::string text = page({earlier->results});
    EXPECT_THAT(text, HasSubstr("crashed</a> (new)"));
    EXPECT_THAT(text, Not(HasSubstr("Expected: 1 finding"))) << "what is new is not folded";
    EXPECT_THAT(text, HasSubstr("id=\"trend\""));
}

TEST_F(SubjectPage, OfAMatrixHasTheFateOfEachMutant) {
    Matrix matrix;
    for (const char* name : {"online_store", "acpi_device_hotplug"}) {
        SourceMutant mutant;
        mutant.name = name;
        mutant.description = "</table><script>alert(1)</script>";
        matrix.mutants.push_back(mutant);
        MatrixCell cell;
        cell.kernel = "ref-6.12-amd64";
        cell.mutant = name;
        cell.scenario = "race/acpi-dimm-online";
        const bool killed = cell.mutant == "online_store";
        cell.outcome = killed ? CellOutcome::killed : CellOutcome::survived;
        cell.verdict = killed ? Verdict::deadlock : Verdict::held;
        TrialResult trial = samples::trial(1, *cell.verdict, killed, "said so");
        trial.directory = cell.mutant + "/0001";
        cell.trials = {trial};
        matrix.cells.push_back(cell);
    }
    ASSERT_TRUE(write_file(path() / "matrix.json", matrix_json(matrix)));
    evidence("deadlock", "online_store/0001");
    const std::string text = page();
    EXPECT_THAT(text, HasSubstr("<h1>Kill matrix first</h1>"));
    EXPECT_LT(text.find("NOT KILLED"), text.find("<td>killed</td>"));
    EXPECT_THAT(text, HasSubstr("✗ acpi_device_hotplug: 1 held"));
    EXPECT_THAT(text, HasSubstr("✓ online_store: 1 deadlock"));
    EXPECT_THAT(text, HasSubstr("1 of 2 mutants, 0 claims broken"));
    EXPECT_THAT(text, HasSubstr("Expected: 3 findings</summary>")) << "those of the trial's verdict.json";
    EXPECT_THAT(text, HasSubstr("Lock timeline"));
}

TEST_F(SubjectPage, OfASweepHasEachCall) {
    Sweep sweep;
    sweep.scenario = "validate/offline";
    sweep.kernel = "debian-6.12-amd64";
    for (unsigned n = 1; n <= 3; n++) {
        SweepCase one;
        one.number = n;
        one.failure.actor = "offliner";
        one.failure.function = "kmalloc_noprof";
        one.failure.path = {"kmalloc_noprof", "offline_pages"};
        if (n == 3) one.not_played = "the call did not come";
        else {
            one.trial = samples::trial(1, n == 1 ? Verdict::oops : Verdict::held, n != 1, "told");
            one.trial->directory = fmt::format("trials/{:04}", n);
        }
        sweep.cases.push_back(one);
    }
    ASSERT_TRUE(write_file(path() / "sweep.json", sweep_json(sweep)));
    evidence("oops", "trials/0001");
    const std::string text = page();
    EXPECT_THAT(text, HasSubstr("<h1>Sweep first</h1>"));
    EXPECT_THAT(text, HasSubstr("✗ offliner: kmalloc_noprof: 1 held, 1 oops"));
    EXPECT_THAT(text, HasSubstr("the call did not come"));
    EXPECT_THAT(text, HasSubstr("by way of kmalloc_noprof &lt; offline_pages"));
    EXPECT_THAT(text, HasSubstr("article")) << "the finding of the case's verdict.json";
}

TEST_F(SubjectPage, OfAHuntHasFindingsStrategiesAndCoverage) {
    Hunt hunt;
    hunt.kernel = "debian-6.12-amd64";
    hunt.seed = 612;
    for (unsigned number = 1; number <= 3; number++) {
        HuntedCase one;
        one.one.number = number;
        one.one.strategy = number == 3 ? HuntStrategy::loop : HuntStrategy::priorities;
        const Verdict verdict = number == 2 ? Verdict::oops : number == 3 ? Verdict::inconclusive : Verdict::held;
        one.trial = samples::trial(1, verdict, number == 1, "told");
        one.trial.directory = fmt::format("trials-1/{:04}", number);
        one.at_seconds = 4.0 * number;
        StrategyShare& share = hunt.shares[one.one.strategy];
        share.trials++;
        share.convicted += number == 2;
        hunt.cases.push_back(one);
    }
    HuntFinding finding;
    finding.hash = "8d69c7ebdd9e";
    finding.text = "crash: <script>alert(1)</script>";
    finding.verdict = Verdict::oops;
    finding.cases = {1};
    finding.actors = {"onliner", "remover"};
    finding.again = 2;
    finding.of = 3;
    hunt.findings.push_back(finding);
    hunt.coverage = {"locks: device_hotplug_lock > mem_hotplug_lock", "onliner device_online > remover device_offline"};
    ASSERT_TRUE(write_file(path() / "hunt.json", hunt_json(hunt)));
    evidence("oops", "trials-1/0002");
    const std::string text = page();
    EXPECT_THAT(text, HasSubstr("<h1>Hunt first</h1>"));
    EXPECT_THAT(text, HasSubstr("8d69c7ebdd9e"));
    EXPECT_THAT(text, HasSubstr("onliner, remover"));
    EXPECT_THAT(text, HasSubstr("2 of 3"));
    EXPECT_THAT(text, HasSubstr("trial 2, by 8"));
    EXPECT_THAT(text, HasSubstr("✗ priorities: 1 held, 1 oops"));
    EXPECT_THAT(text, HasSubstr("✓ loop: 1 inconclusive")) << "a baseline schedules nothing, and so proves nothing";
    EXPECT_THAT(text, HasSubstr("device_hotplug_lock &gt; mem_hotplug_lock"));
    EXPECT_THAT(text, HasSubstr("article")) << "the finding of the case's verdict.json";
}

TEST_F(SubjectPage, OfATrialTellsItsStory) {
    for (const char* name : {"deadlock", "oops", "rule-broken", "held", "inconclusive"}) {
        SCOPED_TRACE(name);
        const auto text = trial_page(fs::path(MEMRIG_TEST_DATA) / "data/trials" / name);
        ASSERT_TRUE(text) << text.error().line();
        expect_sound(*text);
        EXPECT_THAT(*text, HasSubstr("Why this verdict"));
        EXPECT_THAT(*text, HasSubstr("Lock timeline"));
        EXPECT_THAT(*text, HasSubstr("This would make the verdict wrong:"));
        EXPECT_THAT(*text, HasSubstr("memrig replay "));
    }
    EXPECT_FALSE(trial_page(path()));
}

TEST_F(SubjectPage, WhatIsDamagedIsRefused) {
    const auto none = load_subject(path());
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().fault, Fault::user_input);
    EXPECT_THAT(none.error().line(), HasSubstr("there are no results in"));
    for (const char* file : {"results.json", "sweep.json", "hunt.json", "matrix.json"})
        for (const char* text : {"", "[]", "{", "7", R"({"arms": [{"trial_results": [{"verdict": 3}]}]})",
                                 R"({"arms": 1, "cases": [7, {"failure": 1}], "cells": ["x"], "mutants": [null],
                                     "findings": [{"cases": 7, "actors": [7]}, 7], "strategies": {"loop": 7}, "coverage": [7]})"}) {
            SCOPED_TRACE(fmt::format("{}: {}", file, text));
            ASSERT_TRUE(write_file(path() / file, text));
            const auto subject = load_subject(path());
            if (subject) expect_sound(subject_page(*subject, {}));
            else EXPECT_EQ(subject.error().fault, Fault::user_input);
            fs::remove(path() / file);
        }
}

}  // namespace
}  // namespace memrig
