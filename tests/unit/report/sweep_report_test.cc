// The reports of a sweep: the table, the findings by fingerprint, JSON, and a scenario file for each finding.
#include "report/sweep_report.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/file.h"

namespace memrig {
namespace {

SweepCase made(unsigned number, const std::string& function, Verdict verdict, const std::string& reason) {
    SweepCase one;
    one.number = number;
    one.failure = {"adder", function, {"create_node", "add_memory"}, 1, 0};
    one.recorded = 3;
    one.trial = TrialResult();
    one.trial->verdict = verdict;
    one.trial->reason = reason;
    one.trial->directory = "trials-1/0001/fault/0001";
    if (convicts(verdict)) {
        CrashKey key;
        key.task = "adder";
        key.function = reason;
        key.headline = "BUG";
        one.trial->findings = {{"crash", verdict, reason, {}, key}};
    }
    return one;
}

Sweep swept() {
    Sweep sweep;
    sweep.scenario = "validate/offline";
    sweep.kernel = "debian-6.12-amd64";
    sweep.release = "6.12.0\x1b[31m";
    sweep.calls = 20;
    sweep.paths = 5;
    sweep.cases = {made(1, "__kmalloc", Verdict::held, "fine"), made(2, "__kmalloc", Verdict::oops, "phys_pmd_init"),
                   made(3, "alloc_low_pages", Verdict::oops, "phys_pmd_init"),
                   made(4, "alloc_low_pages", Verdict::warning, "add_pages"),
                   made(5, "alloc_low_pages", Verdict::inconclusive, "only 0 calls came")};
    sweep.cases.push_back(made(6, "alloc_low_pages", Verdict::held, ""));
    sweep.cases.back().trial.reset();
    return sweep;
}

TEST(SweepReport, CasesOfOneFingerprintAreOneFindingAndTheGravestComesFirst) {
    const Sweep sweep = swept();
    const auto findings = findings_of(sweep);
    ASSERT_EQ(findings.size(), 2u);
    EXPECT_EQ(findings[0].verdict, Verdict::oops);
    EXPECT_EQ(findings[0].cases.size(), 2u);
    EXPECT_EQ(findings[1].verdict, Verdict::warning);
    EXPECT_NE(findings[0].hash, findings[1].hash);
}

TEST(SweepReport, APairNamesBothCalls) {
    Sweep sweep = swept();
    sweep.cases[1].second = FailureSpec{"adder", "vmalloc", {"undo"}, 1, 0};
    const std::string text = sweep_text(sweep, "out", Paint(false));
    EXPECT_NE(text.find("adder: then vmalloc"), std::string::npos) << text;
    EXPECT_NE(text.find(", and then vmalloc() for adder, by way of undo"), std::string::npos) << text;
    const auto json = nlohmann::json::parse(sweep_json(sweep));
    EXPECT_EQ(json["cases"][1]["failure"]["then"]["function"], "vmalloc");
    EXPECT_FALSE(json["cases"][0]["failure"].contains("then"));
}

TEST(SweepReport, TheTextHasATableTheFindingsAndWhatProvesNothing) {
    const std::string text = sweep_text(swept(), "out", Paint(false));
    for (const char* part :
         {"20 calls on 5 paths were recorded", "adder: __kmalloc        1 held, 1 oops",
          "adder: alloc_low_pages  1 inconclusive, 1 not played, 1 oops, 1 warning", "memrig explain out/trials-1",
          "out/findings/", "only 0 calls came", "5 of 6 cases played: 1 held, 3 convicted with 2 findings"})
        EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(SweepReport, TheJsonHasEveryCase) {
    const auto parsed = nlohmann::json::parse(sweep_json(swept()));
    EXPECT_EQ(parsed.at("schema"), 1);
    EXPECT_EQ(parsed.at("cases").size(), 6u);
    EXPECT_EQ(parsed.at("cases")[5].at("outcome"), "not played");
    EXPECT_EQ(parsed.at("cases")[1].at("failure").at("path")[0], "create_node");
    EXPECT_EQ(parsed.at("findings")[0].at("cases"), (std::vector<int>{2, 3}));
}

TEST(SweepReport, EachFindingIsAScenarioThatExpectsItsVerdict) {
    TemporaryDirectory directory = std::move(*TemporaryDirectory::make("memrig-sweep"));
    const Sweep sweep = swept();
    ASSERT_TRUE(make_directories(directory.path() / "cases"));
    for (const char* file : {"0002.toml", "0004.toml"})
        ASSERT_TRUE(write_file(directory.path() / "cases" / file, "before\nexpect = [ 'held' ]\nbehind\n"));
    EXPECT_EQ(write_findings(sweep, directory.path()).value_or(0), 2u);
    const std::string hash = findings_of(sweep)[1].hash;
    EXPECT_EQ(read_file(directory.path() / "findings" / (hash + ".toml")).value_or(""),
              "before\nexpect = [ 'warning' ]\nbehind\n");
    ASSERT_TRUE(write_file(directory.path() / "cases" / "0004.toml", "changed by somebody"));
    EXPECT_FALSE(write_findings(sweep, directory.path()));
}

}  // namespace
}  // namespace memrig
