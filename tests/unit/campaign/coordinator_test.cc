// Campaigns with a worker that is a shell script: what becomes of workers that die, of coordinators that are killed,
// and of damaged files.
#include <csignal>
#include <random>

#include <sys/wait.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "campaign/status.h"
#include "coordinator_fixture.h"

namespace memrig {
namespace {

using ::testing::HasSubstr;

TEST_F(CampaignRun, EachTrialHasOneResult) {
    ASSERT_TRUE(run());
    EXPECT_EQ(observer.results.size(), 8u);
    const auto cells = progress();
    ASSERT_EQ(cells.size(), 2u);
    EXPECT_EQ(cells[0].done, 5u);
    EXPECT_EQ(cells[0].as_expected, 5u);
    EXPECT_EQ(cells[1].verdicts.at("held"), 3u);
    EXPECT_EQ(cells[1].run_again, 0u);
    EXPECT_EQ(campaign_exit_status(cells), 0);
    ASSERT_TRUE(run());
    EXPECT_EQ(observer.done_before, 8u);
    EXPECT_TRUE(observer.results.empty()) << "all is done";
}

TEST_F(CampaignRun, GoesInRounds) {
    order.jobs = 1;
    ASSERT_TRUE(run());
    std::vector<CampaignTrial> trials;
    for (const auto& result : observer.results) trials.push_back(result.trial);
    EXPECT_THAT(trials, ::testing::ElementsAre(CampaignTrial{0, 1}, CampaignTrial{1, 1}, CampaignTrial{0, 2},
                                               CampaignTrial{1, 2}, CampaignTrial{0, 3}, CampaignTrial{1, 3},
                                               CampaignTrial{0, 4}, CampaignTrial{0, 5}));
}

TEST_F(CampaignRun, WhatIsNotAsExpectedIsSaid) {
    works("[ $arm = control ] && report held '' true || report held 'the mutant held' false\n");
    ASSERT_TRUE(run());
    EXPECT_EQ(campaign_exit_status(progress()), 1);
}

TEST_F(CampaignRun, AWorkerThatDiesCostsOneAttempt) {
    works("case $out in */0000/0002-1) kill -9 $$;; *) report held '' true;; esac\n");
    ASSERT_TRUE(run());
    ASSERT_EQ(observer.again.size(), 1u);
    EXPECT_THAT(observer.again[0], HasSubstr("SIGKILL"));
    EXPECT_EQ(progress()[0].done, 5u);
    EXPECT_EQ(progress()[0].run_again, 1u);
    EXPECT_EQ(campaign_exit_status(progress()), 0);
}

TEST_F(CampaignRun, OneThatAlwaysDiesIsARigFaultAtLast) {
    works("case $out in */0000/0002-*) report rig-fault 'QEMU died' false; exit 3;; *) report held '' true;; esac\n");
    ASSERT_TRUE(run());
    EXPECT_EQ(observer.again.size(), kMostFailures - 1);
    EXPECT_EQ(progress()[0].verdicts.at("rig-fault"), 1u);
    EXPECT_EQ(progress()[0].done, 5u);
    EXPECT_EQ(campaign_exit_status(progress()), 3);
}

TEST_F(CampaignRun, ResultsThatAreCutShortAreNone) {
    for (const char* text : {"", "{", "[]", "{\\\"arms\\\": 7}",
                             "{\\\"arms\\\": [{\\\"trial_results\\\": [{\\\"verdict\\\": \\\"fine\\\"}]}]}"}) {
        order.directory = directory->path() / fmt::format("campaign-{}", std::string(text).size());
        works(
            fmt::format("case $out in */0000/0001-1) mkdir -p $out; echo \"{}\" >$out/results.json;; *) report held '' "
                        "true;; esac\n",
                        text));
        ASSERT_TRUE(run());
        EXPECT_EQ(observer.again.size(), 1u) << text;
    }
}

TEST_F(CampaignRun, WhatAKernelLacksIsSkipped) {
    works(
        "[ $arm = mutant ] && { mkdir -p $out; echo '{\"arms\": [{\"skipped\": \"no such thing\"}]}' "
        ">$out/results.json; exit 4; }\n"
        "report held '' true\n");
    ASSERT_TRUE(run());
    EXPECT_EQ(observer.skipped.front(), "no such thing");
    EXPECT_EQ(progress()[1].done, 0u);
    EXPECT_THAT(campaign_status_text("test", progress(), {}, Paint(false)), HasSubstr("SKIP: no such thing"));
    EXPECT_EQ(campaign_exit_status(progress()), 0);
}

TEST_F(CampaignRun, AnArmThatCannotBeSetUpIsReportedAndTheOthersAreRun) {
    works(
        "[ $arm = mutant ] && { mkdir -p $out; echo '{\"arms\": [{\"not_set_up\": \"it does not boot\"}]}' "
        ">$out/results.json; exit 4; }\n"
        "report held '' true\n");
    ASSERT_TRUE(run());
    ASSERT_FALSE(observer.not_set_up.empty());
    EXPECT_EQ(observer.not_set_up.front(), "it does not boot");
    EXPECT_TRUE(observer.again.empty());
    EXPECT_EQ(progress()[0].done, 5u);
    EXPECT_EQ(progress()[1].done, 0u);
    EXPECT_THAT(campaign_status_text("test", progress(), {}, Paint(false)), HasSubstr("NOT SET UP: it does not boot"));
    EXPECT_EQ(campaign_exit_status(progress()), 4);
}

TEST_F(CampaignRun, OrdersThatAWorkerRefusesEndIt) {
    works("echo 'memrig: there is no kernel k (memrig kernels list)'; exit 2\n");
    const Status done = run();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().fault, Fault::user_input);
    EXPECT_THAT(done.error().message, HasSubstr("there is no kernel k"));
}

// Else another user could make the directory before.
TEST_F(CampaignRun, TheTemporaryDirectoryOfItsWorkersCannotBeForeseen) {
    order.jobs = 1;
    works("echo $TMPDIR >>${out%/trials/*}/seen; stat -c %a $TMPDIR >>${out%/trials/*}/modes; report held '' true\n");
    std::set<std::string> names;
    for (const unsigned trials : {1u, 2u}) {
        order.directory = directory->path() / "campaign";
        order.plan.cells = {{"race/a", "k", "q35", "control", trials}};
        fs::remove(order.directory / "campaign.sqlite");
        fs::remove(order.directory / "seen");
        ASSERT_TRUE(run());
        const auto seen = read_file(order.directory / "seen");
        ASSERT_TRUE(seen);
        const std::string name = seen->substr(0, seen->find('\n'));
        EXPECT_FALSE(fs::exists(name)) << "it stays";
        names.insert(name);
    }
    EXPECT_EQ(names.size(), 2u) << *names.begin();
    EXPECT_TRUE(read_file(order.directory / "modes")->starts_with("700\n"));
    EXPECT_FALSE(fs::exists(order.directory / "scratch"));
}

TEST_F(CampaignRun, WhatAKilledOneLeftIsRemovedByTheNext) {
    auto left = TemporaryDirectory::make("memrig-campaign-test");
    ASSERT_TRUE(left);
    ASSERT_TRUE(make_directories(order.directory));
    ASSERT_TRUE(write_file(left->path() / "file", "x"));
    ASSERT_TRUE(write_file(order.directory / "scratch", left->path().string()));
    ASSERT_TRUE(run());
    EXPECT_FALSE(fs::exists(left->path()));
}

TEST_F(CampaignRun, AnotherPlanIsRefused) {
    ASSERT_TRUE(run());
    order.plan.cells[0].trials = 6;
    const Status done = run();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().fault, Fault::user_input);
    EXPECT_THAT(done.error().message, HasSubstr("another plan"));
}

TEST_F(CampaignRun, AFileThatIsNoDatabaseIsRefused) {
    ASSERT_TRUE(make_directories(order.directory));
    ASSERT_TRUE(write_file(order.directory / "campaign.sqlite", std::string(8192, 'x')));
    const Status done = run();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().fault, Fault::user_input);
}

TEST_F(CampaignRun, AnArmWithoutAResultIsNoPass) {
    order.jobs = 1;
    works("[ $arm = mutant ] && exit 2; report held '' true\n");
    ASSERT_FALSE(run());
    auto cells = progress();
    ASSERT_GT(cells[0].done, 0u);
    EXPECT_EQ(cells[1].done, 0u);
    EXPECT_EQ(campaign_exit_status(cells), 4);
    cells[1].skipped = "no such thing";
    EXPECT_EQ(campaign_exit_status(cells), 0);
}

TEST_F(CampaignRun, ABudgetThatIsSpentBeginsNothing) {
    order.budget = std::chrono::seconds(0);
    ASSERT_TRUE(run());
    EXPECT_TRUE(observer.results.empty());
    EXPECT_EQ(campaign_exit_status(progress()), 4);
}

TEST_F(CampaignRun, WhatIsLeftOfABudgetGoesWhereLeastIsKnown) {
    order.budget = std::chrono::hours(10);
    // No clock ends it: the sixteenth worker does.
    works("[ $(ls -d ${out%/*/*}/*/*.log | wc -l) -ge 16 ] && exit 2; report held '' true\n");
    const Status done = run();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().fault, Fault::user_input) << done.error().line();
    const auto cells = progress();
    // The worker beside it may have ended, or not.
    EXPECT_GE(cells[0].done + cells[1].done, 14u);
    // All are as expected: the arm with fewer results has the wider interval.
    EXPECT_LE(cells[0].done, 8u);
    EXPECT_GE(cells[1].done, 6u);
}

// The coordinator's process and its workers are killed at random moments, twenty times: in the end every trial is
// there, once.
TEST_F(CampaignRun, SurvivesBeingKilled) {
    order.plan.cells[0].trials = 400;
    order.plan.cells[1].trials = 100;
    std::mt19937 random(1);
    unsigned kills = 0, before = 0;
    for (bool ended = false; !ended;) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            const auto ran = run();
            if (!ran) ADD_FAILURE() << ran.error().line();
            ::_exit(ran ? 0 : 1);
        }
        if (kills < 20) {
            // Some results further, wherever that is.
            const auto more = [&, goal = std::uniform_int_distribution<unsigned>(1, 20)(random)] {
                auto store = CampaignStore::open_to_read(order.directory);
                const auto cells = store ? store->progress() : std::unexpected(store.error());
                return cells && cells->size() == 2 && (*cells)[0].done + (*cells)[1].done >= before + goal;
            };
            int status = 0;
            while (!more() && ::waitpid(child, &status, WNOHANG) == 0) ::sched_yield();
            ::kill(child, SIGKILL);
            ::waitpid(child, &status, 0);
            const auto cells = progress();
            before = cells.size() == 2 ? cells[0].done + cells[1].done : 0;
            kills++;
            continue;
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_EQ(status, 0);
        ended = true;
    }
    const auto cells = progress();
    EXPECT_EQ(cells[0].done, 400u);
    EXPECT_EQ(cells[1].done, 100u);
    EXPECT_GT(cells[0].run_again + cells[1].run_again, 0u) << "nothing was under way when it was killed";
    auto store = CampaignStore::open_to_read(order.directory);
    ASSERT_TRUE(store);
    const auto finished = *store->finished();
    EXPECT_EQ(std::set(finished.begin(), finished.end()).size(), 500u);
    EXPECT_EQ(finished.size(), 500u);
}

TEST_F(CampaignRun, IsRefusedToASecondCoordinator) {
    ASSERT_TRUE(run());
    int taken[2];
    ASSERT_EQ(::pipe(taken), 0);
    const pid_t other = ::fork();
    ASSERT_GE(other, 0);
    if (other == 0) {
        const auto lock = FileLock::try_take_for_process(order.directory / "lock");
        const char byte = lock && *lock ? 'y' : 'n';
        if (::write(taken[1], &byte, 1) == 1) ::pause();
        ::_exit(1);
    }
    char byte = 'n';
    ASSERT_EQ(::read(taken[0], &byte, 1), 1);
    ASSERT_EQ(byte, 'y');
    const Status refused = run();
    ::kill(other, SIGKILL);
    ::waitpid(other, nullptr, 0);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().line(), HasSubstr("is being worked on by another memrig"));
    EXPECT_TRUE(run());
    ::close(taken[0]);
    ::close(taken[1]);
}

TEST_F(CampaignRun, ASecondResultOfATrialIsAnError) {
    auto store = CampaignStore::open(order.directory, order.plan);
    ASSERT_TRUE(store);
    const unsigned attempt = *store->begin({0, 1}, "qemu");
    CampaignResult result;
    result.trial = {0, 1};
    result.verdict = "held";
    EXPECT_TRUE(store->finish(result, attempt));
    EXPECT_FALSE(store->finish(result, attempt));
    EXPECT_EQ((*store->progress())[0].done, 1u);
}

}  // namespace
}  // namespace memrig
