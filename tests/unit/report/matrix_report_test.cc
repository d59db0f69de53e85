// The kill matrix: what counts as a kill, what the exit status says, and how it is shown.
#include <gtest/gtest.h>

#include "report/matrix_report.h"

namespace memrig {
namespace {

SourceMutant mutant(const std::string& name, const std::string& equivalent = "") {
    SourceMutant made;
    made.name = name;
    made.description = name + "() without its lock";
    made.equivalent = equivalent;
    return made;
}

MatrixCell cell(const std::string& name, Verdict verdict, CellOutcome outcome) {
    MatrixCell made;
    made.kernel = "ref-6.12-amd64";
    made.mutant = name;
    made.scenario = "race/acpi-dimm-online";
    made.verdict = verdict;
    made.outcome = outcome;
    made.oracle = outcome == CellOutcome::killed ? "crash" : "";
    made.reason = "said so";
    TrialResult trial;
    trial.number = 1;
    trial.verdict = verdict;
    made.trials = {trial};
    return made;
}

Matrix matrix_report_sample() {
    Matrix matrix;
    matrix.mutants = {mutant("acpi_device_hotplug"), mutant("online_store")};
    matrix.kernels = {"ref-6.12-amd64"};
    matrix.scenarios = {"race/acpi-dimm-online"};
    matrix.cells = {cell("", Verdict::held, CellOutcome::survived),
                    cell("acpi_device_hotplug", Verdict::oops, CellOutcome::killed),
                    cell("online_store", Verdict::oops, CellOutcome::killed)};
    return matrix;
}

TEST(Matrix, AllKilledAndTheOriginalHolds) {
    const Matrix matrix = matrix_report_sample();
    EXPECT_EQ(matrix.kills(), 2u);
    EXPECT_EQ(matrix.to_kill(), 2u);
    EXPECT_EQ(matrix.false_positives(), 0u);
    EXPECT_EQ(matrix.exit_status(), 0);
}

TEST(Matrix, OneThatSurvivesIsAFailure) {
    Matrix matrix = matrix_report_sample();
    matrix.cells[2] = cell("online_store", Verdict::held, CellOutcome::survived);
    EXPECT_EQ(matrix.kills(), 1u);
    EXPECT_EQ(matrix.exit_status(), 1);
    EXPECT_NE(matrix_text(matrix, Paint(false)).find("online_store                   NOT KILLED"), std::string::npos);
    EXPECT_NE(matrix_markdown(matrix).find("🔴 NOT KILLED"), std::string::npos);
    const auto json = nlohmann::json::parse(matrix_json(matrix));
    EXPECT_EQ(json.at("mutants")[1].at("fate"), "NOT KILLED");
    EXPECT_EQ(json.at("mutants")[1].at("as_expected"), false);
    EXPECT_EQ(json.at("mutants")[0].at("as_expected"), true);
    EXPECT_EQ(json.at("cells")[2].at("as_expected"), false);
}

TEST(Matrix, WithoutATrialOfAnOriginalNothingIsShown) {
    Matrix matrix = matrix_report_sample();
    matrix.cells.erase(matrix.cells.begin());
    EXPECT_EQ(matrix.exit_status(), 1);
}

TEST(Matrix, OneCellThatKillsIsEnough) {
    Matrix matrix = matrix_report_sample();
    matrix.cells.push_back(cell("online_store", Verdict::held, CellOutcome::survived));
    EXPECT_EQ(matrix.exit_status(), 0);
}

TEST(Matrix, AClaimThatItsScenarioNoLongerKeepsIsAFailure) {
    Matrix matrix = matrix_report_sample();
    MatrixCell claim = cell("online_store", Verdict::held, CellOutcome::survived);
    claim.scenario = "validate/bad-write";
    claim.claimed = true;
    matrix.cells.push_back(claim);
    EXPECT_EQ(matrix.kills(), 2u) << "another scenario kills it";
    EXPECT_EQ(matrix.broken_claims(), 1u);
    EXPECT_EQ(matrix.exit_status(), 1);
    const std::string fate = "killed, but CLAIM BROKEN by validate/bad-write on ref-6.12-amd64";
    EXPECT_NE(matrix_text(matrix, Paint(false)).find(fate), std::string::npos) << matrix_text(matrix, Paint(false));
    EXPECT_NE(matrix_text(matrix, Paint(false)).find("1 claim broken"), std::string::npos);
    EXPECT_NE(matrix_markdown(matrix).find("🔴 " + fate), std::string::npos);
    EXPECT_EQ(nlohmann::json::parse(matrix_json(matrix)).at("mutants").back().at("fate"), fate);
    EXPECT_EQ(nlohmann::json::parse(matrix_json(matrix)).at("broken_claims"), 1);
    for (const CellOutcome outcome : {CellOutcome::killed, CellOutcome::skipped}) {
        matrix.cells.back().outcome = outcome;
        EXPECT_EQ(matrix.exit_status(), 0) << to_string(outcome);
    }
    matrix.cells.back().outcome = CellOutcome::inconclusive;
    EXPECT_EQ(matrix.exit_status(), 1);
}

// An interrupted matrix has cells that nobody has touched.
TEST(Matrix, ACellThatWasNotRunSaysSo) {
    EXPECT_EQ(MatrixCell().outcome, CellOutcome::not_run);
    EXPECT_EQ(CellOutcome(), CellOutcome::not_run);
    EXPECT_FALSE(MatrixCell().verdict);
    Matrix matrix = matrix_report_sample();
    for (const std::size_t i : {0u, 2u}) {
        MatrixCell blank;
        blank.kernel = matrix.cells[i].kernel;
        blank.mutant = matrix.cells[i].mutant;
        blank.scenario = matrix.cells[i].scenario;
        matrix.cells[i] = blank;
    }
    matrix.interrupted = true;
    EXPECT_EQ(matrix.kills(), 1u);
    const std::string text = matrix_text(matrix, Paint(false));
    EXPECT_NE(text.find("online_store                   not run\n"), std::string::npos) << text;
    EXPECT_EQ(text.find("NOT KILLED"), std::string::npos);
    const auto json = nlohmann::json::parse(matrix_json(matrix));
    EXPECT_EQ(json.at("cells")[0].at("outcome"), "not run");
    EXPECT_EQ(json.at("cells")[0].at("verdict"), "");
}

TEST(Matrix, AnInconclusiveCellKillsNobody) {
    Matrix matrix = matrix_report_sample();
    matrix.cells[2] = cell("online_store", Verdict::inconclusive, CellOutcome::inconclusive);
    EXPECT_EQ(matrix.exit_status(), 1);
}

TEST(Matrix, ADeclaredEquivalentNeedNotBeKilled) {
    Matrix matrix = matrix_report_sample();
    matrix.mutants[1] = mutant("online_store", "nothing calls it");
    matrix.cells.pop_back();
    EXPECT_EQ(matrix.to_kill(), 1u);
    EXPECT_EQ(matrix.exit_status(), 0);
    EXPECT_NE(matrix_text(matrix, Paint(false)).find("equivalent: nothing calls it"), std::string::npos);
}

TEST(Matrix, OneThatNoScenarioClaimsIsAFailureAndSaysSo) {
    Matrix matrix = matrix_report_sample();
    matrix.cells.pop_back();
    matrix.unclaimed = {"online_store"};
    EXPECT_EQ(matrix.exit_status(), 1);
    EXPECT_NE(matrix_text(matrix, Paint(false)).find("no scenario claims it"), std::string::npos);
}

TEST(Matrix, AnOriginalThatIsConvictedIsAFalsePositive) {
    Matrix matrix = matrix_report_sample();
    matrix.cells[0] = cell("", Verdict::lock_order, CellOutcome::killed);
    EXPECT_EQ(matrix.false_positives(), 1u);
    EXPECT_EQ(matrix.exit_status(), 1);
    EXPECT_EQ(nlohmann::json::parse(matrix_json(matrix)).at("cells")[0].at("as_expected"), false);
}

TEST(Matrix, AnOriginalThatProvesNothingCountsAsOneToo) {
    Matrix matrix = matrix_report_sample();
    matrix.cells[0] = cell("", Verdict::inconclusive, CellOutcome::inconclusive);
    EXPECT_EQ(matrix.exit_status(), 1);
}

TEST(Matrix, ASkippedCellKillsNobodyAndAccusesNobody) {
    Matrix matrix = matrix_report_sample();
    matrix.cells.push_back(matrix.cells.front());
    matrix.cells.back().outcome = CellOutcome::skipped;
    matrix.cells.back().trials.clear();
    matrix.cells.back().reason = "this kernel has no probe_store";
    EXPECT_EQ(matrix.exit_status(), 0);
    EXPECT_NE(matrix_text(matrix, Paint(false)).find("skipped: this kernel has no probe_store"), std::string::npos);
    matrix.cells[1].outcome = CellOutcome::skipped;
    EXPECT_EQ(matrix.exit_status(), 1) << "its mutant lives";
}

TEST(Matrix, ARigFaultAndAnInterruptionHaveTheirOwnStatus) {
    Matrix matrix = matrix_report_sample();
    matrix.cells[1].outcome = CellOutcome::rig_fault;
    EXPECT_EQ(matrix.exit_status(), 3);
    matrix.interrupted = true;
    EXPECT_EQ(matrix.exit_status(), 130);
}

TEST(MatrixReports, JsonHasEveryCell) {
    const auto json = nlohmann::json::parse(matrix_json(matrix_report_sample()));
    EXPECT_EQ(json.at("cells").size(), 3u);
    EXPECT_EQ(json.at("killed"), 2);
    EXPECT_EQ(json.at("cells")[1].at("oracle"), "crash");
}

}  // namespace
}  // namespace memrig
