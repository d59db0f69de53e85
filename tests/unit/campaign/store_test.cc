// Reads back the databases of campaigns, of this memrig and of older ones.
#include "campaign/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"

namespace memrig {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr const char* kWhen = "20[0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]Z";

// As memrig 0.1.0 made it before settings were stored.
constexpr const char* kFirstSchema = R"(
CREATE TABLE campaign (schema INTEGER, name TEXT, plan TEXT, seed INTEGER);
CREATE TABLE cell (id INTEGER PRIMARY KEY, scenario TEXT, kernel TEXT, bench TEXT, arm TEXT, trials INTEGER, skipped TEXT);
CREATE TABLE attempt (cell INTEGER REFERENCES cell, number INTEGER, attempt INTEGER, outcome TEXT, PRIMARY KEY (cell, number, attempt));
CREATE TABLE trial (cell INTEGER REFERENCES cell, number INTEGER, verdict TEXT, as_expected INTEGER, reason TEXT, findings TEXT, seconds REAL,
  directory TEXT, finished TEXT, PRIMARY KEY (cell, number));
INSERT INTO campaign VALUES (1, 'test', 'the plan', 7);
INSERT INTO cell VALUES (0, 'race/a', 'k', '', 'control', 5, NULL), (1, 'race/a', 'k', '', 'mutant', 3, NULL);
INSERT INTO attempt VALUES (0, 1, 1, 'done'), (1, 1, 1, 'failed: it died'), (1, 1, 2, 'done');
INSERT INTO trial VALUES (0, 1, 'held', 1, 'it held', '[]', 0.5, 'trials/0000/0001-1', '2026-11-22 23:59:58'),
  (1, 1, 'oops', 1, 'it crashed', '[]', 1.5, 'trials/0001/0001-2', '2026-11-23 00:00:01');
)";

class CampaignDatabase : public ::testing::Test {
protected:
    void SetUp() override {
        directory = std::make_unique<TemporaryDirectory>(*TemporaryDirectory::make("memrig-store-test"));
        plan.name = "test";
        plan.seed = 7;
        plan.text = "the plan";
        plan.cells = {{"race/a", "k", "", "control", 5}, {"race/a", "k", "", "mutant", 3}};
    }
    void make(const std::string& sql) {
        auto database = Database::open(directory->path() / "campaign.sqlite");
        ASSERT_TRUE(database);
        const Status done = database->execute(sql);
        ASSERT_TRUE(done) << done.error().line();
    }
    CampaignRecord record() {
        auto store = CampaignStore::open_to_read(directory->path());
        EXPECT_TRUE(store) << store.error().line();
        auto read = store->record();
        EXPECT_TRUE(read) << read.error().line();
        return *read;
    }
    CampaignResult result(std::size_t cell, unsigned number) {
        CampaignResult made;
        made.trial = {cell, number};
        made.verdict = "oops";
        made.reason = "it crashed";
        made.findings = R"([{"oracle":"crash"}])";
        made.checks = R"({"R1":3})";
        made.seconds = 1.25;
        made.directory = "trials/x";
        made.setting = {"0.1.0", "QEMU 7.2", "tcg", "6.12.1", "abcd", "q35", "directed", "deadlock, oops"};
        return made;
    }

    std::unique_ptr<TemporaryDirectory> directory;
    Plan plan;
};

TEST_F(CampaignDatabase, SaysAllOfAResult) {
    auto store = CampaignStore::open(directory->path(), plan);
    ASSERT_TRUE(store);
    ASSERT_TRUE(store->attempt_failed({1, 2}, *store->begin({1, 2}, "qemu"), "it died"));
    ASSERT_TRUE(store->finish(result(1, 2), *store->begin({1, 2}, "qemu")));
    ASSERT_TRUE(store->finish(result(0, 3), *store->begin({0, 3}, "qemu")));
    const CampaignRecord read = record();
    EXPECT_EQ(read.name, "test");
    EXPECT_EQ(read.plan, "the plan");
    EXPECT_EQ(read.seed, 7u);
    EXPECT_THAT(read.started, MatchesRegex(kWhen));
    EXPECT_THAT(read.ended, MatchesRegex(kWhen));
    EXPECT_EQ(read.cells.size(), 2u);
    EXPECT_EQ(read.cells[1].run_again, 1u);
    ASSERT_EQ(read.results.size(), 2u);
    EXPECT_EQ(read.results[0].trial, (CampaignTrial{0, 3}));
    const StoredResult& one = read.results[1];
    EXPECT_EQ(one.trial, (CampaignTrial{1, 2}));
    EXPECT_EQ(one.attempts, 2u);
    EXPECT_EQ(one.verdict, "oops");
    EXPECT_FALSE(one.as_expected);
    EXPECT_EQ(one.reason, "it crashed");
    EXPECT_EQ(one.findings, R"([{"oracle":"crash"}])");
    EXPECT_EQ(one.checks, R"({"R1":3})");
    EXPECT_EQ(one.seconds, 1.25);
    EXPECT_EQ(one.directory, "trials/x");
    EXPECT_THAT(one.ended, MatchesRegex(kWhen));
    EXPECT_EQ(one.setting, result(1, 2).setting);
    EXPECT_EQ(read.results[0].setting, one.setting);
}

TEST_F(CampaignDatabase, SaysWhatEachHostDid) {
    auto store = CampaignStore::open(directory->path(), plan);
    ASSERT_TRUE(store);
    ASSERT_TRUE(store->finish(result(0, 1), *store->begin({0, 1}, "b")));
    ASSERT_TRUE(store->finish(result(0, 2), *store->begin({0, 2}, "b")));
    ASSERT_TRUE(store->attempt_failed({0, 3}, *store->begin({0, 3}, "b"), "it died"));
    ASSERT_TRUE(store->attempt_lost({0, 3}, *store->begin({0, 3}, "a"), "a is lost"));
    ASSERT_TRUE(store->begin({0, 3}, "b"));
    EXPECT_EQ(*store->failures({0, 3}), 1u) << "what a host's loss cost does not count";
    const auto hosts = record().hosts;
    ASSERT_EQ(hosts.size(), 2u);
    EXPECT_EQ(hosts[0].name, "a");
    EXPECT_EQ(hosts[0].done, 0u);
    EXPECT_EQ(hosts[0].lost, 1u);
    EXPECT_EQ(hosts[1].name, "b");
    EXPECT_EQ(hosts[1].done, 2u);
    EXPECT_EQ(hosts[1].running, 1u);
    EXPECT_EQ(hosts[1].lost, 0u);
}

// A database of the second schema has no host, but all else.
TEST_F(CampaignDatabase, OfAMemrigWithoutHostsIsGoneOnWith) {
    make(std::string(kFirstSchema) +
         "ALTER TABLE campaign ADD COLUMN started TEXT; ALTER TABLE trial ADD COLUMN setting INTEGER; "
         "CREATE TABLE setting (id INTEGER PRIMARY KEY, memrig TEXT, qemu TEXT, accelerator TEXT, release TEXT, sha256 "
         "TEXT, "
         "bench TEXT, mode TEXT, expected TEXT, UNIQUE (memrig, qemu, accelerator, release, sha256, bench, mode, "
         "expected)); "
         "UPDATE campaign SET schema = 2;");
    EXPECT_TRUE(record().hosts.empty());
    {
        auto store = CampaignStore::open(directory->path(), plan);
        ASSERT_TRUE(store) << store.error().line();
        ASSERT_TRUE(store->finish(result(0, 2), *store->begin({0, 2}, "a")));
    }
    const CampaignRecord read = record();
    ASSERT_EQ(read.hosts.size(), 1u);
    EXPECT_EQ(read.hosts[0].done, 1u);
    EXPECT_EQ(read.results.size(), 3u);
}

TEST_F(CampaignDatabase, OfAnOlderMemrigIsReadAsItIs) {
    make(kFirstSchema);
    const CampaignRecord read = record();
    ASSERT_EQ(read.results.size(), 2u);
    EXPECT_EQ(read.results[0].ended, "2026-11-22T23:59:58Z");
    EXPECT_EQ(read.results[1].attempts, 2u);
    EXPECT_EQ(read.results[1].setting, Provenance{});
    EXPECT_EQ(read.started, "2026-11-22T23:59:58Z");
    EXPECT_EQ(read.ended, "2026-11-23T00:00:01Z");
}

TEST_F(CampaignDatabase, OfAnOlderMemrigIsGoneOnWith) {
    make(kFirstSchema);
    for (const unsigned number : {2u, 3u}) {
        auto store = CampaignStore::open(directory->path(), plan);
        ASSERT_TRUE(store) << store.error().line();
        ASSERT_TRUE(store->finish(result(1, number), *store->begin({1, number}, "qemu")));
    }
    const CampaignRecord read = record();
    ASSERT_EQ(read.results.size(), 4u);
    EXPECT_EQ(read.results[1].setting, Provenance{});
    EXPECT_EQ(read.results[3].setting.release, "6.12.1");
    EXPECT_EQ(read.cells[1].done, 3u);
}

TEST_F(CampaignDatabase, ACellThatWasNotSetUpIsTriedAgainByTheNextRun) {
    make(kFirstSchema);
    {
        auto store = CampaignStore::open(directory->path(), plan);
        ASSERT_TRUE(store) << store.error().line();
        ASSERT_TRUE(store->set_aside({1, 2}, *store->begin({1, 2}, "qemu"), "it does not boot"));
        EXPECT_EQ(*store->failures({1, 2}), 0u);
    }
    EXPECT_EQ(record().cells[0].not_set_up, "");
    EXPECT_EQ(record().cells[1].not_set_up, "it does not boot");
    ASSERT_TRUE(CampaignStore::open(directory->path(), plan));
    EXPECT_EQ(record().cells[1].not_set_up, "");
}

TEST_F(CampaignDatabase, OfANewerMemrigIsRefused) {
    make(std::string(kFirstSchema) + "UPDATE campaign SET schema = 99;");
    const auto read = CampaignStore::open_to_read(directory->path());
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().fault, Fault::user_input);
    EXPECT_THAT(read.error().message, HasSubstr("schema is 99, and this memrig knows 1 to 6"));
    const auto written = CampaignStore::open(directory->path(), plan);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().fault, Fault::user_input);
}

TEST_F(CampaignDatabase, WithoutItsOnlyRowIsDamaged) {
    make(std::string(kFirstSchema) + "DELETE FROM campaign;");
    const auto read = CampaignStore::open_to_read(directory->path());
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().fault, Fault::user_input);
    EXPECT_THAT(read.error().message, HasSubstr("campaign.sqlite is damaged"));
}

TEST_F(CampaignDatabase, WithoutAResultHasNoEnd) {
    ASSERT_TRUE(CampaignStore::open(directory->path(), plan));
    EXPECT_THAT(record().started, MatchesRegex(kWhen));
    EXPECT_EQ(record().ended, "");
}

TEST_F(CampaignDatabase, TenThousandResultsAreReadAtOnce) {
    make(kFirstSchema);
    make(
        "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) INSERT INTO trial SELECT 0, "
        "i, 'held', 1, "
        "'it held', '[]', 0.5, 'trials/' || i, '2026-11-23 00:00:01' FROM n;"
        "INSERT INTO attempt SELECT cell, number, 1, 'done' FROM trial WHERE number > 1;");
    const CampaignRecord read = record();
    ASSERT_EQ(read.results.size(), 10'001u);
    EXPECT_EQ(read.results[9'999].trial.number, 10'000u);
    EXPECT_EQ(read.results[9'999].attempts, 1u);
}

}  // namespace
}  // namespace memrig
