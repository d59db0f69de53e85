// The journal of a matrix: what is read back is what was written, and another matrix's journal is refused.
#include "run/matrix_journal.h"

#include <gtest/gtest.h>

#include "base/file.h"

namespace memrig {
namespace {

MatrixCell cell_of(CellOutcome outcome, Verdict verdict) {
    MatrixCell cell;
    cell.kernel = "ref-6.12-amd64";
    cell.mutant = "state_store";
    cell.scenario = "race/acpi-dimm-online";
    cell.claimed = true;
    cell.outcome = outcome;
    cell.reason = "deadlock of two tasks";
    cell.oracle = "deadlock";
    cell.verdict = verdict;
    TrialResult trial;
    trial.number = 2;
    trial.verdict = verdict;
    trial.reason = cell.reason;
    trial.directory = "ref-6.12-amd64/state_store/race/acpi-dimm-online/0002/race";
    cell.trials = {trial};
    return cell;
}

class MatrixJournalTest : public ::testing::Test {
protected:
    // Reads the journal into three cells that were not run.
    Result<std::vector<MatrixCell>> resumed(bool keeps_rig_faults, const std::string& identity = "a matrix") {
        std::vector<MatrixCell> cells(3);
        for (auto& cell : cells) cell.claimed = true;
        MEMRIG_CHECK(
            MatrixJournal(directory.path(), identity).start(true, keeps_rig_faults, {&cells[0], &cells[1], &cells[2]}));
        return cells;
    }
    TemporaryDirectory directory = std::move(*TemporaryDirectory::make("memrig-test"));
};

TEST_F(MatrixJournalTest, ACellIsReadAsItWasWritten) {
    MatrixJournal journal(directory.path(), "a matrix");
    ASSERT_TRUE(journal.start(false, false, {}));
    const MatrixCell killed = cell_of(CellOutcome::killed, Verdict::deadlock);
    ASSERT_TRUE(journal.append(2, killed));
    ASSERT_TRUE(journal.append(3, cell_of(CellOutcome::rig_fault, Verdict::rig_fault)));
    const auto cells = resumed(false);
    ASSERT_TRUE(cells) << cells.error().line();
    EXPECT_EQ((*cells)[0].outcome, CellOutcome::not_run);
    const MatrixCell& read = (*cells)[1];
    EXPECT_EQ(read.outcome, CellOutcome::killed);
    EXPECT_EQ(read.reason, killed.reason);
    EXPECT_EQ(read.oracle, killed.oracle);
    EXPECT_EQ(read.verdict, Verdict::deadlock);
    EXPECT_TRUE(read.claimed) << "this comes from the scenario";
    ASSERT_EQ(read.trials.size(), 1u);
    EXPECT_EQ(read.trials[0].number, 2u);
    EXPECT_EQ(read.trials[0].directory, killed.trials[0].directory);
    EXPECT_EQ((*cells)[2].outcome, CellOutcome::not_run) << "a rig fault is run again";
    EXPECT_EQ((*resumed(true))[2].outcome, CellOutcome::rig_fault) << "unless nothing is run";
}

TEST_F(MatrixJournalTest, AnotherMatrixAndADamagedJournalAreRefused) {
    MatrixJournal journal(directory.path(), "a matrix");
    ASSERT_TRUE(journal.start(false, false, {}));
    EXPECT_EQ(resumed(false, "another").error().fault, Fault::user_input);
    ASSERT_TRUE(journal.append(4, cell_of(CellOutcome::killed, Verdict::deadlock)));
    const auto cells = resumed(false);
    ASSERT_FALSE(cells) << "there are three cells";
    EXPECT_NE(cells.error().message.find("cells.jsonl, line 2, is damaged"), std::string::npos)
        << cells.error().message;
}

}  // namespace
}  // namespace memrig
