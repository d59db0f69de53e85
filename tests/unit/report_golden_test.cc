// Golden reports: tests/golden/report/NAME.json, .ktap and .table, of each run in report_samples.h.
#include <cstdlib>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/paths.h"
#include "report/ktap.h"
#include "report/results_json.h"
#include "report/table.h"
#include "report_samples.h"

namespace memrig {
namespace {

struct Case {
    const char* name;
    RunResults results;
};

std::vector<Case> cases() {
    return {{"all-as-expected", samples::all_as_expected()},
            {"not-as-expected", samples::not_as_expected()},
            {"many-not-as-expected", samples::many_not_as_expected()},
            {"rig-fault", samples::with_rig_fault()},
            {"interrupted", samples::interrupted()},
            {"odd-text", samples::odd_text()},
            {"nothing-ran", samples::nothing_ran()}};
}

void expect_golden(const std::string& file, const std::string& got) {
    const fs::path path = home_directory() / "tests" / "golden" / "report" / file;
    if (std::getenv("MEMRIG_UPDATE_GOLDEN") != nullptr) {
        ASSERT_TRUE(write_file(path, got).has_value());
    }
    const auto expected = read_file(path);
    ASSERT_TRUE(expected.has_value()) << "no " << shown(path) << ": run with MEMRIG_UPDATE_GOLDEN=1, then read it";
    EXPECT_EQ(*expected, got);
}

class GoldenReport : public testing::TestWithParam<Case> {};

TEST_P(GoldenReport, Json) {
    expect_golden(std::string(GetParam().name) + ".json", results_json_text(GetParam().results));
}
TEST_P(GoldenReport, Ktap) { expect_golden(std::string(GetParam().name) + ".ktap", ktap_text(GetParam().results)); }
TEST_P(GoldenReport, Table) {
    expect_golden(std::string(GetParam().name) + ".table", closing_table(GetParam().results, "runs/one", Paint(false)));
}

INSTANTIATE_TEST_SUITE_P(Report, GoldenReport, testing::ValuesIn(cases()), [](const auto& tested) {
    std::string name = tested.param.name;
    std::ranges::replace(name, '-', '_');
    return name;
});

TEST(ReportTable, ColoursOnlyWhenAsked) {
    const RunResults results = samples::not_as_expected();
    EXPECT_EQ(closing_table(results, "runs/one", Paint(false)).find('\x1b'), std::string::npos);
    EXPECT_NE(closing_table(results, "runs/one", Paint(true)).find("\x1b[1;31mFAILED\x1b[0m"), std::string::npos);
}

TEST(ReportTable, ColoursDoNotMoveColumns) {
    std::string coloured = closing_table(samples::not_as_expected(), "runs/one", Paint(true));
    for (std::size_t at; (at = coloured.find('\x1b')) != std::string::npos;)
        coloured.erase(at, coloured.find('m', at) + 1 - at);
    EXPECT_EQ(coloured, closing_table(samples::not_as_expected(), "runs/one", Paint(false)));
}

}  // namespace
}  // namespace memrig
