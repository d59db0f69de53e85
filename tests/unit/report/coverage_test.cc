// The table of hotplug paths: docs/coverage.md is what the generator says of the shipped scenarios.
#include <cstdlib>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/paths.h"
#include "report/coverage.h"

namespace memrig {
namespace {

PathCoverage sample() {
    PathCoverage covered{kHotplugPaths[0], {}, {{"x86_64", {"race/b", "validate/a"}}, {"aarch64", {"race/b"}}}};
    Scenario validated;
    validated.name = "validate/a";
    validated.title = "Plugging";
    validated.verifies = "a_file.rst: this | that";
    validated.benches = {"q35"};
    validated.kills = {{"online_store", "onliner.attribute=online"}};
    validated.arms = {{"control", "as shipped", {}, {}, {}, {}, {}, {Verdict::held}},
                      {"mutant", "no lock", {}, {}, {}, {}, {}, {Verdict::oops, Verdict::deadlock}}};
    Scenario raced = validated;
    raced.name = "race/b";
    raced.needs = {"probe_store"};
    covered.scenarios = {raced, validated};
    return covered;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(Coverage, ARowTellsWhatValidatesAndRacesAPath) {
    const std::string text = coverage_markdown({sample()});
    EXPECT_TRUE(has(
        text,
        "\n| ACPI or DLPAR adds a pc-dimm | [a](../scenarios/validate/a.toml) | [b](../scenarios/race/b.toml) | 2 | "
        "`online_store` | q35 | aarch64, x86_64 | any; with `probe_store`: b |\n"))
        << text;
    EXPECT_TRUE(has(text,
                    "\n| aarch64 | 0 scenarios | 1 scenario | `acpi-dimm-add` |\n"
                    "| x86_64 | 1 scenario | 1 scenario | `acpi-dimm-add` |\n"))
        << text;
    EXPECT_TRUE(has(text, "Verifies: a\\_file.rst: this \\| that\n")) << text;
    EXPECT_TRUE(has(text, "\n  - `mutant`: no lock: `oops` or `deadlock`\n")) << text;
    EXPECT_FALSE(has(text, "as shipped")) << "the control arm is no mutant";
}

TEST(Coverage, AKernelThatAllNeedSomethingOfIsNotAny) {
    PathCoverage covered = sample();
    for (auto& scenario : covered.scenarios) scenario.needs = {"probe_store"};
    EXPECT_TRUE(has(coverage_markdown({covered}), "| with `probe_store` |\n"));
}

TEST(Coverage, WhatAKernelMustNotHaveShows) {
    PathCoverage covered = sample();
    for (auto& scenario : covered.scenarios) scenario.lacks = {"memtrace_mmap"};
    covered.scenarios[0].needs.clear();
    EXPECT_TRUE(has(coverage_markdown({covered}), "| without `memtrace_mmap` |\n"));
}

TEST(Coverage, APathWithoutAnyScenarioShows) {
    const std::string text = coverage_markdown({{kHotplugPaths[0], {}}});
    EXPECT_TRUE(has(text, "\n| ACPI or DLPAR adds a pc-dimm | — | — | 0 | — | — | — | — |\n")) << text;
    EXPECT_TRUE(has(text, "Nothing yet."));
}

TEST(Coverage, JsonSaysTheSame) {
    const auto json = nlohmann::json::parse(coverage_json({sample()}));
    EXPECT_EQ(json["schema"], 1);
    const auto& path = json["paths"][0];
    EXPECT_EQ(path["path"], "acpi-dimm-add");
    EXPECT_EQ(path["scenarios"][0]["name"], "race/b");
    EXPECT_EQ(path["scenarios"][0]["race"], true);
    EXPECT_EQ(path["scenarios"][1]["race"], false);
    EXPECT_EQ(path["scenarios"][1]["arms"], nlohmann::json::array({"mutant"}));
}

// A shipped scenario without a path is an error here.
TEST(Coverage, TheDocumentIsCurrent) {
    const auto paths = read_coverage();
    ASSERT_TRUE(paths) << paths.error().message;
    const std::string text = coverage_markdown(*paths);
    const fs::path document = home_directory() / "docs" / "coverage.md";
    if (std::getenv("MEMRIG_UPDATE_GOLDEN") != nullptr) {
        ASSERT_TRUE(write_file(document, text));
    }
    const auto written = read_file(document);
    ASSERT_TRUE(written) << "no docs/coverage.md: run with MEMRIG_UPDATE_GOLDEN=1, then read it";
    EXPECT_EQ(*written, text) << "run with MEMRIG_UPDATE_GOLDEN=1 (or memrig scenarios coverage >docs/coverage.md)";
}

}  // namespace
}  // namespace memrig
