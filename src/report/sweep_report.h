// Prints a sweep for people and for scripts, and writes a scenario file for each finding.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/table.h"
#include "base/text.h"
#include "run/sweep.h"

namespace memrig {

// Cases that convict the kernel by the same fingerprint.
struct SweepFinding {
    std::string hash, text;  // of the fingerprint
    Verdict verdict = Verdict::inconclusive;
    std::vector<const SweepCase*> cases;
};
// The graver verdicts first. The sweep must outlive the result.
std::vector<SweepFinding> findings_of(const Sweep& sweep);

// A line for each function that failed, with the verdicts of its cases; then each finding, the cases without a verdict
// that says something, and a closing sentence.
// The table of the functions folds to `width` columns.
std::string sweep_text(const Sweep& sweep, const std::filesystem::path& directory, const Paint& paint,
                       std::size_t width = kUnfolded);
// docs/results.md (sweep.json) describes it.
std::string sweep_json(const Sweep& sweep);
// Writes findings/HASH.toml below the directory: the finding's first case as a scenario that expects its verdict.
// Returns how many were written. REQUIRES: the sweep's cases lie in that directory.
Result<std::size_t> write_findings(const Sweep& sweep, const std::filesystem::path& directory);

}  // namespace memrig
