// The kill matrix: would the rig notice if any one part of the locking were lost? Each source mutant is run by the scenarios that claim it,
// in their control arm, which expects a whole kernel; the kernels that they come from are run beside them, and must hold.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kernel/source_mutant.h"
#include "run/run.h"

namespace memrig {

struct MatrixSpec {
    std::vector<std::string> kernels;    // parents; empty: every built one
    std::vector<std::string> mutants;    // empty: all
    std::vector<std::string> scenarios;  // empty: all
    bool all = false;                    // each mutant by every scenario, not only by those that claim it
    unsigned trials = 3;                 // of a cell, unless one convicts before
    std::optional<std::uint64_t> seed;
    std::string accelerator = "auto";
    std::filesystem::path out;
};

enum class CellOutcome {
    killed,        // of an original: convicted without a cause
    survived,      // held
    inconclusive,  // nothing was proven in any of the trials
    skipped,       // the kernel lacks what the scenario is about
    rig_fault
};
const char* to_string(CellOutcome outcome);

struct MatrixCell {
    std::string kernel;  // the parent's id
    std::string mutant;  // "" for the parent itself
    std::string scenario;
    std::string setting;  // that the scenario's claim needs
    CellOutcome outcome = CellOutcome::inconclusive;
    std::vector<TrialResult> trials;
    Verdict verdict = Verdict::inconclusive;  // the last trial's, which decided
    std::string oracle;                       // of a kill: the first that convicted
    std::string reason;
};

struct Matrix {
    std::vector<SourceMutant> mutants;
    std::vector<std::string> kernels, scenarios;
    std::vector<MatrixCell> cells;
    std::vector<std::string> unclaimed;  // mutants that no scenario claims, so that none was run
    bool interrupted = false;
    double seconds = 0;

    [[nodiscard]] bool killed(const SourceMutant& mutant) const;
    // Those that are not declared equivalent.
    [[nodiscard]] std::size_t to_kill() const;
    [[nodiscard]] std::size_t kills() const;
    // Trials of the originals, and those of them that did not hold.
    [[nodiscard]] std::size_t original_trials() const;
    [[nodiscard]] std::size_t false_positives() const;
    // kExitGood if all were killed and every original held; else kExitNotAsExpected, kExitRigFault or
    // kExitInterrupted.
    [[nodiscard]] int exit_status() const;
};

// Fault::user_input for a name that is not known; all else that goes wrong is a cell's outcome. Builds the kernels that are not in the
// cache, which takes minutes.
Result<Matrix> run_matrix(const MatrixSpec& order, const std::vector<Host*>& hosts, RunObserver& observer);

}  // namespace memrig
