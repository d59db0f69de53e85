// The rules of KTAP, version 1, held against every sample. The golden files show what it looks like.
#include <regex>
#include <sstream>

#include <gtest/gtest.h>

#include "report/ktap.h"
#include "unit/support/golden_file.h"
#include "unit/support/report_samples.h"

namespace memrig {
namespace {

struct Level {
    unsigned planned = 0, seen = 0, failed = 0, skipped = 0;
};

// One test level at `indent`: its plan is kept, its numbers rise by one, a parent of a failed test has failed. Returns
// the counts.
Level read_level(const std::vector<std::string>& lines, std::size_t& at, const std::string& indent) {
    static const std::regex result("(ok|not ok) ([0-9]+) - ([^#]+?)( # (SKIP|ERROR) .+)?");
    Level level;
    EXPECT_EQ(lines.at(at++), indent + "KTAP version 1");
    std::smatch match;
    EXPECT_TRUE(std::regex_match(lines.at(at), match, std::regex(indent + "1\\.\\.([0-9]+)"))) << lines.at(at);
    level.planned = static_cast<unsigned>(std::stoul(match[1]));
    at++;
    Level inner;
    while (at < lines.size()) {
        if (lines[at].starts_with(indent + "  ")) {
            inner = read_level(lines, at, indent + "  ");
            EXPECT_EQ(inner.seen, inner.planned);
            continue;
        }
        if (!lines[at].starts_with(indent)) break;
        const std::string line = lines[at++].substr(indent.size());
        if (line.starts_with("# ")) continue;
        EXPECT_TRUE(std::regex_match(line, match, result)) << line;
        EXPECT_EQ(std::stoul(match[2]), ++level.seen);
        const bool failed = match[1] == "not ok";
        const bool skipped = match[5] == "SKIP";
        EXPECT_TRUE(failed || (inner.failed == 0 && match[5] != "ERROR")) << line;
        level.failed += failed;
        level.skipped += skipped;
        inner = {};
    }
    return level;
}

Level read(const RunResults& results) {
    std::istringstream stream(ktap_text(results));
    std::vector<std::string> lines;
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    for (const auto& line : lines)
        for (const char c : line) EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) << line;
    std::size_t at = 0;
    const Level level = read_level(lines, at, "");
    EXPECT_EQ(at, lines.size());
    EXPECT_EQ(level.seen, level.planned);
    return level;
}

TEST(Ktap, Golden) {
    for (const auto& [name, results] : samples::all_runs())
        expect_golden("report/" + name + ".ktap", ktap_text(results));
}

TEST(Ktap, FollowsTheFormat) {
    EXPECT_EQ(read(samples::all_as_expected()).failed, 0u);
    EXPECT_EQ(read(samples::not_as_expected()).failed, 1u);
    EXPECT_EQ(read(samples::many_not_as_expected()).failed, 1u);
    EXPECT_EQ(read(samples::with_rig_fault()).failed, 1u);
    EXPECT_EQ(read(samples::odd_text()).failed, 1u);
    EXPECT_EQ(read(samples::nothing_ran()).planned, 0u);
}

TEST(Ktap, AnInterruptedArmHasFailedAndOneNotBegunIsSkipped) {
    const Level level = read(samples::interrupted());
    EXPECT_EQ(level.failed, 1u);
    EXPECT_EQ(level.skipped, 1u);
}

TEST(Ktap, WhatTheKernelLacksIsSkippedWithItsReason) {
    const RunResults results = samples::one_skipped();
    EXPECT_EQ(read(results).skipped, 1u);
    EXPECT_EQ(read(results).failed, 0u);
    EXPECT_NE(ktap_text(results).find(" # SKIP this kernel has no __param_memmap_on_memory\n"), std::string::npos);
}

TEST(Ktap, AnArmThatCouldNotBeSetUpIsAnErrorWithItsReason) {
    const RunResults results = samples::not_set_up();
    EXPECT_EQ(read(results).failed, 1u);
    EXPECT_NE(ktap_text(results).find(" q35-dax control # ERROR not set up: kernel debian-6.1-amd64 cannot be set up"),
              std::string::npos);
}

TEST(Ktap, ARigFaultIsAnErrorEvenWhereItIsExpected) {
    RunResults results = samples::all_as_expected();
    results.arms[0].trials[0].verdict = Verdict::rig_fault;
    EXPECT_NE(ktap_text(results).find("not ok 1 - trial 1 # ERROR "), std::string::npos);
    EXPECT_EQ(read(results).failed, 1u);
}

}  // namespace
}  // namespace memrig
