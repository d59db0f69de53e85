// Merges shards that a worker script has run, and refuses those that are not one campaign.
#include "campaign/merge.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator_fixture.h"

namespace memrig {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Its result depends on the seed alone, as that of a real trial.
constexpr const char* kSeeded =
    "mkdir -p $out/t; echo $seed >$out/t/evidence; echo log\n"
    "[ $(($seed % 3)) = 0 ] && verdict=oops || verdict=held\n"
    "printf '{\"memrig\": \"1\", \"kernels\": [{\"sha256\": \"%s\"}], \"arms\": [{\"trial_results\": [{\"verdict\": "
    "\"%s\", \"reason\": \"seed %s\", \"as_expected\": true, \"directory\": \"t\", \"seconds\": {\"verdict\": "
    "0.5}}]}]}' "
    "${IMAGE-abc} $verdict $seed >$out/results.json\n";

class CampaignMerge : public CampaignRun {
protected:
    void SetUp() override {
        CampaignRun::SetUp();
        whole = order.plan;
        whole.text = "the plan";
        works(kSeeded);
    }
    fs::path shard_directory(unsigned number) const { return directory->path() / fmt::format("shard-{}", number); }
    void run_shard(unsigned number, unsigned count, const fs::path& into) {
        order.directory = into;
        order.shard = identify_shard(whole, {number, count}, "0.2.0");
        order.plan = *shard_plan(whole, {number, count});
        const Status done = run();
        ASSERT_TRUE(done) << done.error().line();
    }
    std::vector<fs::path> run_shards(unsigned count) {
        std::vector<fs::path> all;
        for (unsigned number = 1; number <= count; number++) {
            all.push_back(shard_directory(number));
            run_shard(number, count, all.back());
        }
        return all;
    }
    Result<MergeReport> merge(const std::vector<fs::path>& shards) { return merge_campaign(shards, out()); }
    void refused(const std::vector<fs::path>& shards, const std::vector<std::string>& words) {
        const auto report = merge(shards);
        ASSERT_FALSE(report);
        EXPECT_EQ(report.error().fault, Fault::user_input);
        for (const auto& word : words) EXPECT_THAT(report.error().line(), HasSubstr(word));
        EXPECT_EQ(report.error().message.find('\n'), std::string::npos);
        EXPECT_FALSE(fs::exists(out()));
        for (const auto& entry : fs::directory_iterator(directory->path()))
            EXPECT_FALSE(entry.path().filename().string().starts_with(".memrig-merge")) << entry.path();
    }
    static CampaignRecord record_in(const fs::path& campaign) {
        auto store = CampaignStore::open_to_read(campaign);
        EXPECT_TRUE(store);
        return *store->record();
    }
    // Changes a shard's database and seals it again, as a faulty memrig might.
    static void tamper(const fs::path& shard, const std::string& sql) {
        {
            auto database = Database::open(shard / "campaign.sqlite");
            ASSERT_TRUE(database);
            const Status done = database->execute(sql);
            ASSERT_TRUE(done) << done.error().line();
        }
        ASSERT_TRUE(seal_shard(shard));
    }
    fs::path out() const { return directory->path() / "merged"; }
    Plan whole;
};

TEST_F(CampaignMerge, IsTheCampaignOfOneMachine) {
    order.plan = whole;
    order.directory = directory->path() / "alone";
    ASSERT_TRUE(run());
    const CampaignRecord alone = record_in(order.directory);
    const auto report = merge(run_shards(3));
    ASSERT_TRUE(report) << report.error().line();
    EXPECT_EQ(report->shards, 3u);
    EXPECT_EQ(report->trials, 8u);
    EXPECT_THAT(report->notes, IsEmpty());
    const CampaignRecord merged = record_in(out());
    EXPECT_FALSE(merged.shard) << "it is a whole campaign";
    EXPECT_EQ(merged.name, "test");
    EXPECT_EQ(merged.plan, "the plan");
    ASSERT_EQ(merged.cells.size(), 2u);
    EXPECT_EQ(merged.cells[0].cell.trials, 5u);
    EXPECT_EQ(merged.cells[1].cell.trials, 3u);
    ASSERT_EQ(merged.results.size(), 8u);
    for (std::size_t i = 0; i < 8; i++) {
        const StoredResult& one = merged.results[i];
        EXPECT_EQ(one.trial, alone.results[i].trial);
        EXPECT_EQ(one.verdict, alone.results[i].verdict);
        EXPECT_EQ(one.reason, alone.results[i].reason);
        EXPECT_EQ(one.directory, fs::path("trials") / fmt::format("{:04}", one.trial.cell) /
                                     fmt::format("{:04}-1", one.trial.number) / "t");
        EXPECT_EQ("seed " + *read_file(out() / one.directory / "evidence"), one.reason + "\n");
        EXPECT_EQ(one.attempts, 1u);
        EXPECT_EQ(one.setting.sha256, "abc");
    }
    EXPECT_TRUE(fs::exists(out() / "trials/0001/0002-1.log"));
    // The whole plan in that directory is done.
    order.plan = whole;
    order.shard.reset();
    order.directory = out();
    const Status again = run();
    ASSERT_TRUE(again) << again.error().line();
    EXPECT_EQ(observer.done_before, 8u);
    EXPECT_TRUE(observer.results.empty());
}

TEST_F(CampaignMerge, AnyOrderOfTheDirectoriesIsTheSame) {
    auto shards = run_shards(4);
    std::ranges::reverse(shards);
    const auto report = merge(shards);
    ASSERT_TRUE(report) << report.error().line();
    EXPECT_EQ(record_in(out()).results.size(), 8u);
}

TEST_F(CampaignMerge, AMissingShardIsNamed) {
    const auto shards = run_shards(4);
    refused({shards[1], shards[3]}, {"there is a gap: of 4 shards, these are missing: 1, 3"});
    refused({}, {"nothing to merge"});
}

TEST_F(CampaignMerge, AnUnfinishedShardIsNamed) {
    const auto shards = run_shards(2);
    ASSERT_TRUE(break_seal(shards[1]));
    refused(shards, {shards[1].string() + " is not a finished shard"});
    refused({directory->path() / "nothing"}, {"nothing is not a finished shard"});
}

TEST_F(CampaignMerge, ADamagedDatabaseIsNamed) {
    const auto shards = run_shards(2);
    const fs::path file = shards[1] / "campaign.sqlite";
    const std::string whole_file = *read_file(file);
    for (const std::string& text :
         {whole_file.substr(0, whole_file.size() / 2), whole_file.substr(0, 4096), std::string(), whole_file + "x"}) {
        ASSERT_TRUE(write_file(file, text));
        refused(shards, {file.string() + " is damaged", "run that shard again"});
    }
    std::string flipped = whole_file;
    flipped[flipped.size() - 100] ^= 1;
    ASSERT_TRUE(write_file(file, flipped));
    refused(shards, {file.string() + " is damaged"});
    fs::remove(file);
    refused(shards, {file.string() + " is damaged"});
    ASSERT_TRUE(write_file(file, whole_file));
    for (const char* text : {"", "{", "[]", "{\"shard\": \"2/2\"}", "{\"shard\": \"3/2\", \"plan_hash\": \"a\"}"}) {
        ASSERT_TRUE(write_file(shards[1] / "shard.json", text));
        refused(shards, {(shards[1] / "shard.json").string() + " is damaged"});
    }
}

TEST_F(CampaignMerge, ShardsOfDifferentCampaignsAreNamed) {
    const auto shards = run_shards(2);
    unsigned others = 0;
    const auto other = [&](auto&& change, const std::string& why) {
        const Plan before = whole;
        const fs::path into = directory->path() / fmt::format("other-{}", ++others);
        change();
        run_shard(2, 2, into);
        whole = before;
        refused({shards[0], into}, {shards[0].string(), into.string(), why});
    };
    other([&] { whole.seed = 8; }, "the seeds of their plans differ");
    other([&] { whole.cells[1].trials = 4; }, "their plans differ");
    other([&] { whole.cells[0].scenario_hash = "x"; }, "their plans differ");
    run_shard(2, 4, directory->path() / "quarter");
    refused({shards[0], directory->path() / "quarter"}, {"different numbers of shards", "2/4", "1/2"});
    ::setenv("IMAGE", "another", 1);
    run_shard(2, 2, directory->path() / "image");
    ::unsetenv("IMAGE");
    refused({shards[0], directory->path() / "image"}, {"the image of kernel k differs"});
    tamper(shards[1], "UPDATE shard SET memrig = '0.0.1'");
    refused(shards, {"memrig 0.0.1 the other"});
    tamper(shards[1], "UPDATE shard SET memrig = '0.2.0+0123456789ab'");
    refused(shards, {"memrig 0.2.0 ran the one, memrig 0.2.0+0123456789ab the other"});
}

TEST_F(CampaignMerge, AGapAndAnOverlapAreNamed) {
    auto shards = run_shards(2);
    tamper(shards[0], "UPDATE trial SET number = 5 WHERE number = 2");
    refused(shards, {shards[0].string(), "overlaps another shard: it has trial 5 of race/a k q35 control"});
    tamper(shards[0], "UPDATE trial SET number = 2 WHERE number = 5");
    // The second shard claims trial 4 of the control arm, which the first has, or trial 6, which leaves out trial 5.
    tamper(shards[1], "UPDATE cell SET first = 4 WHERE id = 0; UPDATE trial SET number = 4 WHERE cell = 0");
    refused(shards, {shards[1].string(), "overlaps " + shards[0].string(), "it begins with trial 4"});
    tamper(shards[1], "UPDATE cell SET first = 6 WHERE id = 0; UPDATE trial SET number = 6 WHERE cell = 0");
    refused(shards, {shards[1].string(), "leaves a gap after " + shards[0].string(), "it begins with trial 6"});
    tamper(shards[1], "UPDATE cell SET first = 5 WHERE id = 0; UPDATE trial SET number = 5 WHERE cell = 0");
    tamper(shards[0], "DELETE FROM trial WHERE number = 2");
    refused(shards, {shards[0].string(), "has a gap: trial 2 of race/a k q35 control has no result"});
    // Fewer trials than the plan has, although none is missing between them.
    tamper(shards[0],
           "INSERT INTO trial SELECT cell, 2, verdict, as_expected, reason, findings, seconds, "
           "'trials/0000/0002-1/t', finished, setting, checks FROM trial WHERE number = 1");
    tamper(shards[1], "UPDATE cell SET trials = 2 WHERE id = 1; DELETE FROM trial WHERE cell = 1 AND number = 3");
    refused(shards, {"their trials are not those of the plan"});
}

TEST_F(CampaignMerge, TwoAttemptsOfAShardAreComparedAndTheFirstCounts) {
    auto shards = run_shards(2);
    const fs::path again = directory->path() / "again";
    run_shard(2, 2, again);
    shards.push_back(again);
    auto report = merge(shards);
    ASSERT_TRUE(report) << report.error().line();
    ASSERT_EQ(report->notes.size(), 1u);
    EXPECT_THAT(report->notes[0], HasSubstr("shard 2/2 was run twice, with the same verdicts: " + shards[1].string()));
    EXPECT_EQ(record_in(out()).results.size(), 8u);
    fs::remove_all(out());
    tamper(again, "UPDATE trial SET verdict = 'deadlock' WHERE cell = 1 AND number = 3");
    report = merge(shards);
    ASSERT_TRUE(report) << report.error().line();
    ASSERT_EQ(report->notes.size(), 1u);
    EXPECT_THAT(report->notes[0], HasSubstr("trial 3 of race/a k q35 mutant: "));
    EXPECT_THAT(report->notes[0],
                HasSubstr("in " + shards[1].string() + ", which counts, and deadlock in " + again.string()));
    for (const auto& one : record_in(out()).results) EXPECT_NE(one.verdict, "deadlock");
}

TEST_F(CampaignMerge, AnArmThatNoShardCouldPlayStaysLeftOut) {
    works(
        "[ $arm = mutant ] && { mkdir -p $out; echo '{\"arms\": [{\"skipped\": \"no such thing\"}]}' "
        ">$out/results.json; exit 4; }\n" +
        std::string(kSeeded));
    auto shards = run_shards(4);
    auto report = merge(shards);
    ASSERT_TRUE(report) << report.error().line();
    EXPECT_EQ(record_in(out()).cells[1].skipped, "no such thing");
    EXPECT_EQ(record_in(out()).results.size(), 5u);
    fs::remove_all(out());
    works(kSeeded);
    fs::remove_all(shards[3]);
    run_shard(4, 4, shards[3]);
    refused(shards, {"has a gap: it left out race/a k q35 mutant, which " + shards[3].string()});
}

TEST_F(CampaignMerge, ADirectoryThatIsNotEmptyIsRefused) {
    const auto shards = run_shards(2);
    ASSERT_TRUE(make_directories(out()));
    EXPECT_TRUE(merge(shards)) << "an empty one is taken";
    const auto again = merge(shards);
    ASSERT_FALSE(again);
    EXPECT_THAT(again.error().message, HasSubstr("is not empty"));
}

TEST_F(CampaignMerge, EvidenceOutsideOfTheShardIsRefused) {
    const auto shards = run_shards(2);
    tamper(shards[0], "UPDATE trial SET directory = 'trials/../../x/y' WHERE number = 1");
    refused(shards, {shards[0].string(), "unknown directory of evidence"});
}

TEST_F(CampaignMerge, AFinishedShardIsNotTouchedAgain) {
    auto shards = run_shards(2);
    const std::string before = *read_file(shards[1] / "campaign.sqlite");
    run_shard(2, 2, shards[1]);
    EXPECT_TRUE(observer.results.empty());
    order.shard = identify_shard(whole, {1, 2}, "0.2.0");
    EXPECT_FALSE(run());
    order.shard.reset();
    EXPECT_FALSE(run());
    EXPECT_EQ(*read_file(shards[1] / "campaign.sqlite"), before);
    EXPECT_TRUE(merge(shards));
}

TEST_F(CampaignMerge, OfASubmittedCampaignThePublishedResultsAreTaken) {
    const fs::path submitted = directory->path() / "submitted";
    run_shard(1, 2, submitted / "shards/1/result");
    run_shard(2, 2, submitted / "shards/2/result");
    run_shard(2, 2, submitted / "shards/2/attempt-b");
    ASSERT_TRUE(make_directories(submitted / "shards/2/attempt-c"));
    EXPECT_THAT(
        *finished_shards_in(submitted),
        ElementsAre(submitted / "shards/1/result", submitted / "shards/2/result", submitted / "shards/2/attempt-b"));
    const auto report = merge({submitted});
    ASSERT_TRUE(report) << report.error().line();
    EXPECT_EQ(report->trials, 8u);
    fs::remove_all(out());
    fs::remove_all(submitted / "shards/2/result");
    refused({submitted}, {"missing: 2"});
}

}  // namespace
}  // namespace memrig
