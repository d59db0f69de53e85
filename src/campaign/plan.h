// What a campaign is to run, from a plan file: scenarios × kernels × benches × arms, so many trials each.
// The file format's reference is docs/campaigns.md.
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
    // What names it in one plan: "race/acpi-dimm-online debian-6.1-amd64 q35 control". `bench` is empty where the plan names none: the
    // scenario's first that the kernel can run on.
    [[nodiscard]] std::string key() const;
};

struct Plan {
    std::string name;
    std::uint64_t seed = 0;
    std::vector<PlanCell> cells;
    std::string text;  // the file's; its known findings are read from it (nightly/known.h)
    [[nodiscard]] std::uint64_t trials() const;
    // What a cell's trial is played with. Which host or worker runs it, and when, does not matter. Below 2^63.
    [[nodiscard]] std::uint64_t seed_of(const PlanCell& cell, unsigned number) const;
};

// Every mistake is in `diagnostics`; the plan is good only if there is none. Scenarios are looked up, kernels and benches are not.
Plan parse_plan(TomlDocument& document);
// Fault::user_input with the first mistake.
Result<Plan> load_plan(const std::filesystem::path& path);

}  // namespace memrig
