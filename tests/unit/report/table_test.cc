// The closing table of a run: golden files tests/golden/report/NAME.table, and its lines of explore mode and free mode.
#include <gtest/gtest.h>

#include "report/table.h"
#include "unit/support/golden_file.h"
#include "unit/support/report_samples.h"

namespace memrig {
namespace {

bool has_line(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

std::string table_of(const RunResults& results) { return closing_table(results, "runs/one", Paint(false)); }

TEST(ReportTable, Golden) {
    for (const auto& [name, results] : samples::all_runs())
        expect_golden("report/" + name + ".table", table_of(results));
}

TEST(ReportTable, AKernelByPathIsNamedByItsRelease) {
    RunResults results = samples::explored();
    results.kernels.front().id = "./arch/x86/boot/bzImage";
    for (auto& arm : results.arms) arm.kernel = results.kernels.front().id;
    name_kernels(results);
    const std::string text = table_of(results);
    EXPECT_NE(text.find("race/acpi-dimm-online  6.1.0-44-cloud-amd64  q35"), std::string::npos) << text;
    EXPECT_NE(text.find("race/acpi-dimm-online 6.1.0-44-cloud-amd64 q35 control: 3 orders"), std::string::npos);
    EXPECT_EQ(text.find("bzImage"), std::string::npos);
}

TEST(ReportTable, ATrialWithoutItsObserverIsNamed) {
    RunResults results = samples::all_as_expected();
    results.arms[0].trials[0].unobserved = results.arms[1].trials[0].unobserved = "this QEMU\ntakes no plugin";
    const std::string text = table_of(results);
    EXPECT_NE(text.find("\n2 trials without the observer: this QEMU takes no plugin\n"), std::string::npos) << text;
    EXPECT_EQ(table_of(samples::all_as_expected()).find("observer"), std::string::npos);
}

TEST(ReportTable, AnExploredArmSaysHowManyOrdersThereAre) {
    const std::string text = table_of(samples::explored());
    EXPECT_TRUE(has_line(text,
                         "race/acpi-dimm-online debian-6.1-amd64 q35 control: 3 orders within 2 preemptions, 3 run, 0 "
                         "left; 4 switches were impossible (the actor was blocked or had nothing to do); "
                         "orders that did not come to pass: 1; up to 17 points passed"))
        << text;
    EXPECT_TRUE(has_line(text, "  points that this kernel does not have: memory_notify"));
}

TEST(ReportTable, TheFirstOrderThatConvictsIsNamedWithHowToPlayItAgain) {
    const std::string text = table_of(samples::explored());
    EXPECT_NE(text.find("q35 mutant: 5 orders within 2 preemptions, 2 run, 3 left;"), std::string::npos);
    EXPECT_TRUE(
        has_line(text,
                 "  1 of them to oops or deadlock; the first, trial 2: at adder's 1st bus_probe_device: onliner "
                 "goes on"))
        << text;
    EXPECT_TRUE(has_line(text, "  again: memrig replay runs/one/arm/2"));
    EXPECT_EQ(text.find("trial 1:"), std::string::npos) << "a control that holds has none";
}

TEST(ReportTable, AControlArmIsConvictedByWhatIsNotAsExpected) {
    RunResults results = samples::explored();
    results.arms[0].trials[1].as_expected = false;
    results.arms[0].trials[1].verdict = Verdict::oops;
    const std::string text = table_of(results);
    EXPECT_TRUE(has_line(text, "  again: memrig replay runs/one/arm/2"));
    EXPECT_NE(text.find("  1 of them not as expected; the first, trial 2:"), std::string::npos) << text;
}

TEST(ReportTable, FreeModeHasARateOfEachMutant) {
    const std::string text = table_of(samples::freely());
    EXPECT_NE(text.find("q35 mutant: oops or deadlock seen in 2 of 10 trials: 20.0% (95% interval 5.7% to 51.0%)"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("q35 calm: accounting not seen in 10 trials: at most"), std::string::npos) << text;
    EXPECT_EQ(text.find("q35 control:"), std::string::npos) << "nothing is to be seen there";
}

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
