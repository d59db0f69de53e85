// Runs the kill matrix: would the rig notice if any one part of the locking were lost?
//
// Each source mutant is run in the control arm of the scenarios that claim it. This arm expects an intact kernel. The
// original kernels of the mutants are run as well, and must hold.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kernel/source_mutant.h"
#include "run/run.h"

namespace memrig {

struct MatrixSpec {
    std::vector<std::string> kernels;    // parents; empty: every kernel that is built from source
    std::vector<std::string> mutants;    // empty: all
    std::vector<std::string> scenarios;  // empty: all
    bool all = false;                    // runs each mutant in every scenario, not only in those that claim it
    unsigned trials = 3;                 // per cell; the first conviction ends it
    unsigned jobs = 1;                   // kernels that are tried at the same time
    std::optional<std::uint64_t> seed;
    std::string accelerator = "auto";
    std::filesystem::path out;
    bool resume = false;   // goes on with the matrix in `out`
    Portion portion = {};  // the part that is played. Anything but the whole needs `resume`
};

enum class CellOutcome {
    not_run,       // the matrix ended before the cell did
    killed,        // a trial convicted; for an original kernel a false positive
    survived,      // no trial convicted, and at least one held
    inconclusive,  // no trial proved anything
    skipped,       // the scenario is not for this kernel
    rig_fault
};
const char* to_string(CellOutcome outcome);

struct MatrixCell {
    std::string kernel;  // the parent's id
    std::string mutant;  // "" for the parent itself
    std::string scenario;
    std::string setting;   // the setting that the scenario's claim needs
    bool claimed = false;  // the scenario claims the mutant
    CellOutcome outcome = CellOutcome::not_run;
    std::vector<TrialResult> trials;
    std::optional<Verdict> verdict;  // the last trial's, which decided; none if there is no trial
    std::string oracle;              // the oracle of that trial's first finding
    std::string reason;
    [[nodiscard]] std::string image() const {
        return mutant.empty() ? kernel : kernel + "+" + mutant;
    }  // its kernel's id
    // Returns whether the scenario claims the mutant, was run, and did not convict it. A skipped scenario breaks no
    // claim.
    [[nodiscard]] bool breaks_claim() const;
};

struct Matrix {
    std::vector<SourceMutant> mutants;
    std::vector<std::string> kernels, scenarios;
    std::vector<MatrixCell> cells;
    std::vector<std::string> unclaimed;         // mutants that no cell runs, as no scenario claims them
    std::map<std::string, std::string> images;  // by kernel: the SHA-256 of the image that this process played
    bool interrupted = false;
    double seconds = 0;

    [[nodiscard]] bool killed(const SourceMutant& mutant) const;
    // The number of mutants that are not declared equivalent, and how many of these were killed.
    [[nodiscard]] std::size_t to_kill() const;
    [[nodiscard]] std::size_t kills() const;
    // The number of cells that break a claim, whether or not another scenario killed the mutant.
    [[nodiscard]] std::size_t broken_claims() const;
    // The number of trials of original kernels, and how many of these did not hold.
    [[nodiscard]] std::size_t original_trials() const;
    [[nodiscard]] std::size_t false_positives() const;
    // kExitGood if all mutants were killed, no claim was broken, and every original held. Else kExitNotAsExpected,
    // kExitRigFault or kExitInterrupted.
    [[nodiscard]] int exit_status() const;
};

// Runs the matrix, or the portion of its cells that is asked for. The units of a portion are the cells, kernel after
// kernel, so that the cells of one kernel are mostly in one shard. Leaves in `out` cells.jsonl, with a line for each
// cell that is done, and the trials. Builds the kernels that are not in the cache, which takes minutes. Fails with
// Fault::user_input for an unknown name, and with Fault::user_input or Fault::host if a cell cannot be run, e.g.
// because its kernel does not build. Any other failure is the outcome of its cell.
Result<Matrix> run_matrix(const MatrixSpec& spec, const std::vector<Host*>& hosts, RunObserver& observer);

}  // namespace memrig
