// Splits made-up plans into shards.
#include "campaign/shard.h"

#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "campaign/status.h"
#include "coordinator_fixture.h"

namespace memrig {
namespace {

using ::testing::HasSubstr;

Plan sample_plan() {
    Plan plan;
    plan.name = "test";
    plan.seed = 7;
    plan.cells = {{"race/a", "k", "q35", "control", 5},
                  {"race/a", "k", "q35", "mutant", 3},
                  {"race/b", "k", "", "control", 1},
                  {"race/b", "l", "", "control", 40}};
    return plan;
}

using Named = std::pair<std::string, unsigned>;  // a trial: the cell's key and the number

std::vector<std::pair<Named, std::uint64_t>> trials_and_seeds(const Plan& plan) {
    std::vector<std::pair<Named, std::uint64_t>> all;
    for (const PlanCell& cell : plan.cells)
        for (unsigned number = cell.first; number <= cell.last(); number++)
            all.push_back({{cell.key(), number}, plan.seed_of(cell, number)});
    return all;
}

TEST(CampaignShard, TogetherShardsAreThePlanOnce) {
    const Plan plan = sample_plan();
    const auto whole = trials_and_seeds(plan);
    ASSERT_EQ(whole.size(), 49u);
    for (unsigned count = 1; count <= 49; count++) {
        std::vector<std::pair<Named, std::uint64_t>> together;
        for (unsigned number = 1; number <= count; number++) {
            const auto part = shard_plan(plan, {number, count});
            ASSERT_TRUE(part) << part.error().line();
            EXPECT_GE(part->trials(), 49u / count);
            EXPECT_LE(part->trials(), 49u / count + 1);
            EXPECT_EQ(part->seed, plan.seed);
            const auto trials = trials_and_seeds(*part);
            together.insert(together.end(), trials.begin(), trials.end());
        }
        // In the same order, with the same seeds.
        EXPECT_EQ(together, whole) << count << " shards";
    }
}

TEST(CampaignShard, AShardHasFewArms) {
    const auto part = shard_plan(sample_plan(), {1, 4});
    ASSERT_TRUE(part);
    ASSERT_EQ(part->cells.size(), 4u);
    EXPECT_EQ(part->cells[3].trials, 3u);
    const auto last = shard_plan(sample_plan(), {4, 4});
    ASSERT_TRUE(last);
    ASSERT_EQ(last->cells.size(), 1u);
    EXPECT_EQ(last->cells[0].first, 28u);
    EXPECT_EQ(last->cells[0].last(), 40u);
}

TEST(CampaignShard, MoreShardsThanTrialsAreRefused) {
    const auto part = shard_plan(sample_plan(), {1, 50});
    ASSERT_FALSE(part);
    EXPECT_EQ(part.error().fault, Fault::user_input);
    EXPECT_EQ(part.error().message, "there are 50 shards, but the plan has only 49 trials");
}

TEST(CampaignShard, IsReadFromText) {
    EXPECT_EQ(*parse_shard("3/8"), (Shard{3, 8}));
    EXPECT_EQ(*parse_shard("1/1"), (Shard{1, 1}));
    for (const char* text : {"", "3", "/", "0/8", "9/8", "3/0", "03/8", "3/8x", " 3/8", "-1/8", "3/8/9", "1/1000001",
                             "1/99999999999999999999"}) {
        const auto shard = parse_shard(text);
        ASSERT_FALSE(shard) << text;
        EXPECT_EQ(shard.error().fault, Fault::user_input);
    }
}

TEST(CampaignShard, ThePlansHashKnowsEachChangeOfItsTrials) {
    const std::string before = plan_hash(sample_plan());
    std::set<std::string> hashes = {before};
    const auto changed = [&](auto&& change) {
        Plan plan = sample_plan();
        change(plan);
        EXPECT_TRUE(hashes.insert(plan_hash(plan)).second);
    };
    changed([](Plan& plan) { plan.seed = 8; });
    changed([](Plan& plan) { plan.cells[0].trials = 6; });
    changed([](Plan& plan) { plan.cells[0].kernel = "m"; });
    changed([](Plan& plan) { plan.cells[0].bench = ""; });
    changed([](Plan& plan) { plan.cells[0].arm = "mutant2"; });
    changed([](Plan& plan) { plan.cells[0].modules = "mods"; });
    changed([](Plan& plan) { plan.cells[0].scenario_hash = "another file"; });
    changed([](Plan& plan) { std::swap(plan.cells[0], plan.cells[1]); });
    changed([](Plan& plan) { plan.cells.pop_back(); });
    Plan same = sample_plan();
    same.text = "[[known]]";
    same.name = "other";
    EXPECT_EQ(plan_hash(same), before);
}

class ShardRun : public CampaignRun {
protected:
    void SetUp() override {
        CampaignRun::SetUp();
        whole = order.plan;
        works("report held \"seed $seed\" true\n");
    }
    Status run_shard(unsigned number, unsigned count) {
        order.shard = identify_shard(whole, {number, count}, "0.2.0");
        order.plan = *shard_plan(whole, {number, count});
        return run();
    }
    Plan whole;
};

TEST_F(ShardRun, EachTrialIsRunInOneShardWithTheSameSeed) {
    std::map<Named, std::string> alone;
    ASSERT_TRUE(run());
    for (const auto& result : observer.results)
        alone[{whole.cells[result.trial.cell].key(), result.trial.number}] = result.reason;
    ASSERT_EQ(alone.size(), 8u);
    std::map<Named, std::string> together;
    for (unsigned number = 1; number <= 3; number++) {
        order.directory = directory->path() / fmt::format("shard-{}", number);
        ASSERT_TRUE(run_shard(number, 3));
        for (const auto& result : observer.results)
            EXPECT_TRUE(
                together.insert({{order.plan.cells[result.trial.cell].key(), result.trial.number}, result.reason})
                    .second);
        EXPECT_EQ(campaign_exit_status(progress()), 0);
        EXPECT_EQ(sum_of(progress()).planned, order.plan.trials());
        ASSERT_TRUE(run_shard(number, 3));
        EXPECT_TRUE(observer.results.empty()) << "all is done";
        EXPECT_EQ(observer.done_before, order.plan.trials());
    }
    EXPECT_EQ(together, alone);
}

TEST_F(ShardRun, TheDatabaseSaysWhichShardItIs) {
    ASSERT_TRUE(run_shard(2, 3));
    auto store = CampaignStore::open_to_read(order.directory);
    ASSERT_TRUE(store);
    const auto record = store->record();
    ASSERT_TRUE(record);
    ASSERT_TRUE(record->shard);
    EXPECT_EQ(*record->shard, identify_shard(whole, {2, 3}, "0.2.0"));
    EXPECT_FALSE(record->shard->memrig.empty());
    EXPECT_EQ(record->cells[0].cell.first, 3u);
    EXPECT_EQ(record->cells[0].cell.identity(), whole.cells[0].identity());
}

TEST_F(ShardRun, AnotherShardInTheSameDirectoryIsRefused) {
    ASSERT_TRUE(run_shard(2, 3));
    const auto refused = [&](const Status& done, const char* words) {
        ASSERT_FALSE(done) << words;
        EXPECT_EQ(done.error().fault, Fault::user_input);
        EXPECT_THAT(done.error().message, HasSubstr(words));
    };
    refused(run_shard(1, 3), "has shard 2/3, and not shard 1/3");
    refused(run_shard(2, 4), "has shard 2/3, and not shard 2/4");
    order.plan = whole;
    order.shard.reset();
    refused(run(), "has shard 2/3, and not a whole campaign");
    whole.cells[1].trials = 4;  // another plan, although this shard's own trials are the same
    refused(run_shard(2, 3), "is of another plan");
    whole.cells[1].trials = 3;
    order.plan = *shard_plan(whole, {2, 3});
    order.shard = identify_shard(whole, {2, 3}, "0.2.0");
    order.shard->memrig = "0.0.1";
    refused(run(), "began this shard, and this is memrig 0.0.1");
}

TEST_F(ShardRun, AWholeCampaignsDirectoryIsRefusedToAShard) {
    ASSERT_TRUE(run());
    const Status done = run_shard(1, 1);
    ASSERT_FALSE(done);
    EXPECT_THAT(done.error().message, HasSubstr("has a whole campaign, and not shard 1/1"));
}

}  // namespace
}  // namespace memrig
