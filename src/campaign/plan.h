// The plan of a campaign, read from a file: scenarios × kernels × benches × arms, with a number of trials each.
// The reference of the file format is docs/campaigns.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/toml_reader.h"

namespace memrig {

// One arm of one scenario on one kernel and bench.
struct PlanCell {
    std::string scenario, kernel, bench, arm;
    unsigned trials = 0;
    std::filesystem::path modules = {};  // the folder of the kernel's modules; see RunSpec::modules
    std::string scenario_hash = {};      // SHA-256 of the scenario file
    unsigned first = 1;                  // the number of the first trial; more than 1 only in a shard
    std::string known_identity = {};     // identity(), if it was read from a database
    std::string kernel_name = {};        // for people; see shown_kernel()
    // The cell's unique name in a plan: "race/acpi-dimm-online debian-6.1-amd64 q35 control". `bench` is empty if the
    // plan names none; then the scenario's first bench that the kernel can run on is used.
    [[nodiscard]] std::string key() const;
    // The name of the kernel in tables and pages: its id or, if the plan gives a path, what summarise() found to say
    // instead.
    [[nodiscard]] const std::string& shown_kernel() const { return kernel_name.empty() ? kernel : kernel_name; }
    // The key with the shown kernel.
    [[nodiscard]] std::string title() const;
    // A hash of all that makes a trial of the cell what it is: the key, the scenario file, the folder of modules.
    [[nodiscard]] std::string identity() const;
    // The number of the last trial.
    [[nodiscard]] unsigned last() const { return first + trials - 1; }
};

struct Plan {
    std::string name;
    std::uint64_t seed = 0;
    std::vector<PlanCell> cells;
    std::string text;  // the whole file; parse_known() reads the known findings from it (campaign/known.h)
    [[nodiscard]] std::uint64_t trials() const;
    // The seed of a cell's trial, below 2^63. It does not depend on the host or worker that runs the trial, or on the
    // time.
    [[nodiscard]] std::uint64_t seed_of(const PlanCell& cell, unsigned number) const;
};

// Reads a plan. Every mistake goes to the document's diagnostics; the plan is good only if there is none. Scenarios are
// looked up, kernels and benches are not.
Plan parse_plan(TomlDocument& document);
// Fault::user_input with the first mistake.
Result<Plan> load_plan(const std::filesystem::path& path);

}  // namespace memrig
