// A campaign's page: what it says, that nothing a guest prints gets out of its place, that it is well-formed and
// bounded.
#include "page/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "page_samples.h"
#include "unit/page/sound_page.h"
#include "unit/support/golden_file.h"

namespace memrig {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::size_t kMostBytes = 5'000'000;

class Page : public ::testing::Test {
protected:
    [[nodiscard]] const fs::path& path() const { return directory_.path(); }

private:
    TemporaryDirectory directory_ = *TemporaryDirectory::make("memrig-page-test");
};

TEST_F(Page, OfASmallCampaignIsAsTheGoldenOne) {
    std::string page = subject_page({"Campaign", samples::small_campaign(path())}, {samples::earlier_campaign(path())});
    expect_sound(page);
    // The style sheet is told by its own file, the directory is another one each time.
    const std::size_t begin = page.find("<style>"), end = page.find("</style>");
    ASSERT_NE(end, std::string::npos);
    page.replace(begin, end - begin, "<style>");
    for (std::size_t at = page.find(path().string()); at != std::string::npos; at = page.find(path().string()))
        page.replace(at, path().string().size(), "CAMPAIGN");
    expect_golden("report/page/small.html", page);
}

TEST_F(Page, WithoutEarlierCampaignsSaysThatThereIsNoTrend) {
    const std::string page = subject_page({"Campaign", samples::small_campaign(path())}, {});
    expect_sound(page);
    EXPECT_THAT(page, HasSubstr("One campaign has no trend."));
    EXPECT_THAT(page, Not(HasSubstr("(new)")));
}

TEST_F(Page, ShowsKnownFindingsAsKnown) {
    samples::CampaignBuilder campaign(path(), "known", "");
    campaign.knows("*holds mem_hotplug_lock*", "being mended");
    const auto control = campaign.arm("race/a", "k", "control", 2);
    campaign.result(control, Verdict::held, true, "kept out");
    campaign.result(control, Verdict::deadlock, false, "stuck", {samples::deadlock_finding()});
    const std::string page = subject_page({"Campaign", campaign.made()}, {});
    expect_sound(page);
    EXPECT_THAT(page, HasSubstr("1 as expected, 1 known: every result is as expected or known"));
    EXPECT_THAT(page, HasSubstr("1 deadlock, 1 held (1 known)"));
    EXPECT_THAT(page, HasSubstr("1 result, 0 of them not as expected, 1 known"));
    EXPECT_THAT(page, HasSubstr("being mended</dd>"));
    campaign.result(control, Verdict::oops, false, "crashed", {{"crash", Verdict::oops, "crashed in f", {}}});
    EXPECT_THAT(subject_page({"Campaign", campaign.made()}, {}), HasSubstr("1 result not as expected"));
}

TEST_F(Page, OfNothingSaysSo) {
    samples::CampaignBuilder campaign(path(), "nothing", "");
    campaign.arm("race/a", "k", "control", 3);
    const std::string page = subject_page({"Campaign", campaign.made()}, {});
    expect_sound(page);
    EXPECT_THAT(page, HasSubstr("nothing was run, so nothing is shown"));
    EXPECT_THAT(page, HasSubstr("Nothing was found"));
}

TEST_F(Page, ShowsATrialsEvidenceOnceForAllOfItsFindings) {
    const std::string page = subject_page({"Campaign", samples::small_campaign(path())}, {});
    std::size_t timelines = 0;
    for (std::size_t at = page.find("Lock timeline</h4>"); at != std::string::npos;
         at = page.find("Lock timeline</h4>", at + 1))
        timelines++;
    EXPECT_EQ(2u, timelines);  // the deadlock's and the oops's trial
    EXPECT_THAT(page, HasSubstr("The evidence is that of the same trial"));
}

TEST_F(Page, ReadsNoEvidenceOutsideOfTheCampaign) {
    samples::CampaignBuilder outside(path() / "other", "other", "");
    outside.evidence("trial", samples::deadlock());
    fs::create_directory(path() / "campaign");
    samples::CampaignBuilder campaign(path() / "campaign", "campaign", "");
    campaign.result(campaign.arm("race/a", "k", "control", 1), Verdict::deadlock, false, "stuck",
                    {samples::deadlock_finding()}, 1, "../other/trial");
    EXPECT_THAT(subject_page({"Campaign", campaign.made()}, {}), HasSubstr("This trial left no evidence"));
}

TEST_F(Page, SaysThatEvidenceIsDamaged) {
    LoadedCampaign campaign = samples::small_campaign(path());
    std::ofstream(path() / "trials/0000/0002-1/locks.json") << "{";
    const std::string page = subject_page({"Campaign", campaign}, {});
    expect_sound(page);
    EXPECT_THAT(page, HasSubstr("The evidence cannot be read"));
}

TEST_F(Page, OfTenThousandResultsIsBounded) {
    const std::string page = subject_page({"Campaign", samples::large_campaign(path(), 500, false)},
                                          {samples::large_campaign(path(), 500, false)});
    EXPECT_LT(page.size(), kMostBytes);
    EXPECT_THAT(page, HasSubstr("10000 of 10000 trials done"));
    EXPECT_THAT(page, HasSubstr("to keep the page small"));
    expect_sound(page);
    RecordProperty("bytes", std::to_string(page.size()));
}

TEST_F(Page, IsBoundedWhateverGuestsPrint) {
    const std::string page = subject_page({"Campaign", samples::large_campaign(path(), 500, true)}, {});
    EXPECT_LT(page.size(), kMostBytes);
    expect_sound(page);
}

}  // namespace
}  // namespace memrig
