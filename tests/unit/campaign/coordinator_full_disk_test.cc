// A campaign on a file system that is full: a tmpfs of a few MiB in a mount namespace of the test's own.
#include <cstring>
#include <set>

#include <sys/mount.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "campaign/shard_result.h"
#include "coordinator_fixture.h"
#include "private_mounts.h"

namespace memrig {
namespace {

using ::testing::HasSubstr;

class FullDisk : public CampaignRun {
protected:
    static void SetUpTestSuite() { refused() = test::enter_private_mounts(); }
    void SetUp() override {
        if (!refused().empty()) GTEST_SKIP() << refused();
        CampaignRun::SetUp();
        order.jobs = 1;
        order.least_room = 4 << 20;
        ASSERT_TRUE(make_directories(order.directory));
        const int mounted = ::mount("tmpfs", order.directory.c_str(), "tmpfs", 0, "size=16m");
        if (mounted != 0) GTEST_SKIP() << "no tmpfs: " << std::strerror(errno);
        mounted_ = true;
    }
    void TearDown() override {
        if (mounted_) ::umount2(order.directory.c_str(), MNT_DETACH);
    }
    // As a user would: more room, and what a trial wants of it no more than usual.
    void make_room() {
        fs::remove_all(order.directory / "trials");
        ASSERT_EQ(::mount("tmpfs", order.directory.c_str(), "tmpfs", MS_REMOUNT, "size=64m"), 0)
            << std::strerror(errno);
    }
    void ends_for_lack_of_room(const std::string& words) {
        const Status done = run();
        ASSERT_FALSE(done);
        EXPECT_EQ(done.error().fault, Fault::host);
        EXPECT_THAT(done.error().message, HasSubstr(words));
        EXPECT_EQ(done.error().message.find('\n'), std::string::npos);
        is_whole();
    }
    void is_whole() {
        auto database = Database::open_to_read(order.directory / "campaign.sqlite");
        ASSERT_TRUE(database);
        auto check = database->prepare("PRAGMA integrity_check");
        ASSERT_TRUE(check);
        ASSERT_TRUE(check->run());
        EXPECT_EQ(check->text(0), "ok");
    }
    void goes_on_to_the_end() {
        works("report held 'it held' true\n");
        make_room();
        const Status done = run();
        ASSERT_TRUE(done) << done.error().line();
        auto store = CampaignStore::open_to_read(order.directory);
        ASSERT_TRUE(store);
        const auto finished = *store->finished();
        EXPECT_EQ(finished.size(), 8u);
        EXPECT_EQ(std::set(finished.begin(), finished.end()).size(), 8u);
        for (const auto& cell : progress()) {
            EXPECT_EQ(cell.done, cell.cell.trials);
            EXPECT_EQ(cell.as_expected, cell.done) << "what failed for lack of room is no result";
        }
        is_whole();
    }

private:
    static std::string& refused() {
        static std::string why;
        return why;
    }
    bool mounted_ = false;
};

TEST_F(FullDisk, NoTrialIsBegunWithoutRoom) {
    works("report held '' true; head -c 3M /dev/zero >$out/evidence\n");
    ends_for_lack_of_room("no room is left in " + order.directory.string());
    const std::size_t done = observer.results.size();
    EXPECT_GT(done, 0u);
    EXPECT_LT(done, 8u);
    EXPECT_EQ(progress()[0].run_again + progress()[1].run_again, 0u);
    ends_for_lack_of_room("no room is left");
    EXPECT_EQ(observer.done_before, done);
    goes_on_to_the_end();
    EXPECT_EQ(observer.results.size(), 8 - done);
}

TEST_F(FullDisk, AWorkerThatFindsNoneIsNoRigFault) {
    works("mkdir -p $out; head -c 100M /dev/zero >$out/evidence; report held '' true; exit 1\n");
    ends_for_lack_of_room("no room is left");
    EXPECT_TRUE(observer.results.empty());
    EXPECT_EQ(progress()[0].done, 0u);
    goes_on_to_the_end();
}

// As on one node of a cluster: the shard has no result, and is run again elsewhere.
TEST_F(FullDisk, AShardWithoutRoomIsNotSealed) {
    const Plan whole = order.plan;
    order.shard = identify_shard(whole, {1, 2}, "0.2.0");
    order.plan = *shard_plan(whole, {1, 2});
    works("report held '' true; head -c 5M /dev/zero >$out/evidence\n");
    ends_for_lack_of_room("no room is left in " + order.directory.string());
    EXPECT_FALSE(has_seal(order.directory));
    make_room();
    works("report held '' true\n");
    ASSERT_TRUE(run());
    EXPECT_TRUE(has_seal(order.directory));
    const auto shard = read_finished_shard(order.directory);
    ASSERT_TRUE(shard) << shard.error().line();
    EXPECT_EQ(shard->record.results.size(), 4u);
}

TEST_F(FullDisk, AResultThatCannotBeWrittenDoesNotCount) {
    works("report held '' true; head -c 100M /dev/zero >$out/evidence; true\n");
    ends_for_lack_of_room("database or disk is full");
    EXPECT_EQ(progress()[0].done, 0u);
    ends_for_lack_of_room("");
    goes_on_to_the_end();
}

}  // namespace
}  // namespace memrig
