// Submits campaigns to a made-up Slurm, and publishes the results of shards.
#include "campaign/submission.h"

#include <cstdlib>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "campaign/merge.h"
#include "campaign/submission_status.h"
#include "coordinator_fixture.h"

namespace memrig {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CampaignSubmission : public CampaignRun {
protected:
    void SetUp() override {
        CampaignRun::SetUp();
        old_path = std::getenv("PATH");
        ::setenv("PATH", ((directory->path() / "bin").string() + ":/usr/bin:/bin").c_str(), 1);
        ASSERT_TRUE(make_directories(directory->path() / "bin"));
        command("sbatch", "for word; do :; done; echo \"$@\" >>$0.calls; cp \"$word\" $0.script; echo 17");
        queue("");
        command("scontrol", ":");
        plan = order.plan;
        plan.text = "the plan";
        spec.directory = directory->path() / "submitted";
        spec.shards = 4;
        spec.program = "/opt/memrig";
        spec.cache = "/var/tmp/my cache";
        spec.prepare = false;
        spec.options = {"--time=60"};
    }
    Result<SubmitReport> submit() {
        spec.work = work_of(plan, spec.directory, {"--jobs", "1", "--accel", "auto"}, memrig);
        return submit_work(spec);
    }
    void TearDown() override { ::setenv("PATH", old_path.c_str(), 1); }
    void command(const std::string& name, const std::string& body) {
        const fs::path file = directory->path() / "bin" / name;
        ASSERT_TRUE(write_file(file, "#!/bin/sh\n" + body + "\n"));
        fs::permissions(file, fs::perms::owner_all);
    }
    void queue(const std::string& lines) { command("squeue", "printf '" + lines + "'"); }
    std::string sbatch_calls() { return read_file(directory->path() / "bin/sbatch.calls").value_or(""); }
    // Runs a shard as a task does, up to its publication.
    TemporaryDirectory attempt_of(unsigned shard) {
        auto attempt = make_attempt(spec.directory, shard);
        EXPECT_TRUE(attempt) << attempt.error().line();
        order.directory = attempt->path();
        order.shard = identify_shard(plan, {shard, 4}, memrig);
        order.plan = *shard_plan(plan, {shard, 4});
        const Status done = run();
        EXPECT_TRUE(done) << done.error().line();
        return *std::move(attempt);
    }
    void finish(unsigned shard) {
        const auto first = publish(attempt_of(shard), spec.directory, shard);
        ASSERT_TRUE(first) << first.error().line();
        EXPECT_TRUE(*first);
    }
    fs::path result(unsigned shard) const { return spec.directory / "shards" / std::to_string(shard) / "result"; }
    std::vector<ShardStatus> states(bool thorough = true) {
        return shard_states(spec.directory, *read_submission(spec.directory), *slurm_tasks("n"), thorough);
    }
    std::vector<std::string> words() {
        std::vector<std::string> all;
        for (const auto& one : states()) all.emplace_back(to_string(one.state));
        return all;
    }
    SubmitSpec spec;
    Plan plan;
    std::string memrig = "0.2.0+1a2b3c4d5e6f";
    std::string old_path;
};

TEST_F(CampaignSubmission, IsOneArrayJob) {
    const auto report = submit();
    ASSERT_TRUE(report) << report.error().line();
    EXPECT_EQ(report->job, "17");
    EXPECT_THAT(report->shards, ElementsAre(1, 2, 3, 4));
    const Submission submission = *read_submission(spec.directory);
    EXPECT_EQ(submission.shards, 4u);
    EXPECT_EQ(submission.trials, 8u);
    EXPECT_THAT(submission.jobs, ElementsAre("17"));
    EXPECT_THAT(sbatch_calls(), HasSubstr("--time=60 --job-name=" + submission.job_name + " --array=1-4 "));
    const std::string script = *read_file(directory->path() / "bin/sbatch.script");
    const std::string out = spec.directory.string();
    for (const std::string& line :
         {std::string("#!/bin/sh\n"), std::string("#SBATCH --requeue\n"), std::string("#SBATCH --open-mode=append\n"),
          "#SBATCH --output=\"" + out + "/logs/%a.log\"\n", std::string("#SBATCH --cpus-per-task=1\n"),
          std::string("#SBATCH --mem=1280M\n"), std::string("export MEMRIG_CACHE='/var/tmp/my cache'\n"),
          "exec /opt/memrig campaign run " + out +
              "/plan.toml --jobs 1 --accel auto --shard \"$SLURM_ARRAY_TASK_ID/4\" --publish " + out + "\n"})
        EXPECT_THAT(script, HasSubstr(line));
    EXPECT_THAT(script, ::testing::Not(HasSubstr("partition")));
    EXPECT_EQ(*read_file(spec.directory / "plan.toml"), "the plan");
    EXPECT_TRUE(fs::is_directory(spec.directory / "logs")) << "a missing folder of the output fails a task";
}

TEST_F(CampaignSubmission, CpusAndMemoryComeFromJobs) {
    spec.jobs = 8;
    spec.partition = "lab";
    const std::string script = batch_script(spec, 4);
    EXPECT_THAT(script, HasSubstr("#SBATCH --cpus-per-task=8\n#SBATCH --mem=8448M\n#SBATCH --partition=lab\n"));
}

TEST_F(CampaignSubmission, AgainOnlyMissingShardsAreSubmitted) {
    ASSERT_TRUE(submit());
    finish(1);
    finish(3);
    queue("17|1|COMPLETED|a\\n17|2|RUNNING|a\\n17|3|COMPLETED|b\\n17|4|NODE_FAIL|b\\n");
    EXPECT_THAT(words(), ElementsAre("done", "running", "done", "failed"));
    auto report = submit();
    ASSERT_TRUE(report) << report.error().line();
    EXPECT_THAT(report->shards, ElementsAre(4));
    EXPECT_EQ(report->done, 2u);
    EXPECT_EQ(report->queued, 1u);
    EXPECT_THAT(sbatch_calls(), HasSubstr("--array=4 "));
    queue("17|2|RUNNING|a\\n17|4|NODE_FAIL|b\\n18|4|PENDING|\\n");
    EXPECT_THAT(words(), ElementsAre("done", "running", "done", "pending"));
    spec.shards = 0;  // as many as before
    report = submit();
    ASSERT_TRUE(report) << report.error().line();
    EXPECT_EQ(report->job, "") << "there is nothing to submit";
}

// The record of the job is written after sbatch: a coordinator that is killed in between finds the job by its name.
TEST_F(CampaignSubmission, AJobWithoutARecordIsFound) {
    ASSERT_TRUE(submit());
    std::string text = *read_file(spec.directory / "submission.json");
    const std::size_t at = text.find("\"17\"");
    ASSERT_NE(at, std::string::npos);
    text.erase(at, 4);
    ASSERT_TRUE(write_file(spec.directory / "submission.json", text));
    queue("17|1|RUNNING|a\\n17|2|PENDING|\\n17|3|PENDING|\\n17|4|PENDING|\\n");
    const auto report = submit();
    ASSERT_TRUE(report) << report.error().line();
    EXPECT_EQ(report->queued, 4u);
    EXPECT_EQ(report->job, "");
}

TEST_F(CampaignSubmission, APlanThatHasChangedIsRefused) {
    ASSERT_TRUE(submit());
    const auto refused = [&](const char* words) {
        const auto report = submit();
        ASSERT_FALSE(report) << words;
        EXPECT_EQ(report.error().fault, Fault::user_input);
        EXPECT_THAT(report.error().message, HasSubstr(words));
    };
    const Submission submission = *read_submission(spec.directory);
    Plan changed = plan;
    changed.cells[0].scenario_hash = "x";
    EXPECT_FALSE(check_submission(submission, plan_hash(changed), memrig, 4)) << "a task asks that";
    EXPECT_TRUE(check_submission(submission, plan_hash(plan), memrig, 4));
    plan.cells[0].trials++;
    refused("has changed since it was submitted");
    plan.cells[0].trials--;
    // The version is the same, and the sources differ.
    memrig = "0.2.0+0123456789ab";
    refused("memrig 0.2.0+1a2b3c4d5e6f submitted this campaign, and this is memrig 0.2.0+0123456789ab");
    memrig = "0.2.0+1a2b3c4d5e6f";
    spec.shards = 3;
    refused("was submitted as 4 shards, and not as 3");
    spec.shards = 4;
    std::string text = *read_file(spec.directory / "submission.json");
    text.replace(text.find("\"memrig\": \"") + 11, 1, "9");
    ASSERT_TRUE(write_file(spec.directory / "submission.json", text));
    refused("submitted this campaign, and this is memrig");
    ASSERT_TRUE(write_file(spec.directory / "submission.json", "{"));
    refused("submission.json is damaged");
}

TEST_F(CampaignSubmission, ARefusalLeavesNothingBehind) {
    command("sbatch",
            "echo 'sbatch: error: Batch job submission failed: Invalid partition name specified' >&2; exit 1");
    const auto report = submit();
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().fault, Fault::user_input);
    EXPECT_THAT(report.error().message, HasSubstr("Slurm refuses: sbatch: "));
    EXPECT_FALSE(fs::exists(spec.directory));
    command("squeue", "echo 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)' >&2; exit 1");
    const auto silent = submit();
    ASSERT_FALSE(silent);
    EXPECT_EQ(silent.error().fault, Fault::host);
    EXPECT_FALSE(fs::exists(spec.directory));
    spec.shards = 9;
    const auto many = submit();
    ASSERT_FALSE(many);
    EXPECT_THAT(many.error().message, HasSubstr("there are 9 shards, but the plan has only 8 trials"));
}

TEST_F(CampaignSubmission, BadDirectoriesAreRefused) {
    spec.directory = directory->path() / "100%";
    EXPECT_THAT(submit().error().message, HasSubstr("Slurm cannot write below"));
    spec.directory = directory->path();
    EXPECT_THAT(submit().error().message, HasSubstr("holds something else"));
    EXPECT_FALSE(read_submission(directory->path()));
}

TEST_F(CampaignSubmission, TheFirstAttemptIsTheResult) {
    ASSERT_TRUE(submit());
    auto slow = attempt_of(2);
    auto fast = attempt_of(2);
    ASSERT_NE(slow.path(), fast.path());
    const fs::path slow_path = slow.path();
    ASSERT_TRUE(*publish(std::move(fast), spec.directory, 2));
    const std::string first = *read_file(result(2) / "campaign.sqlite");
    const auto second = publish(std::move(slow), spec.directory, 2);
    ASSERT_TRUE(second) << second.error().line();
    EXPECT_FALSE(*second);
    EXPECT_EQ(*read_file(result(2) / "campaign.sqlite"), first);
    EXPECT_TRUE(has_seal(slow_path)) << "merge compares it";
    for (const unsigned shard : {1u, 3u, 4u}) finish(shard);
    const auto merged = merge_campaign({spec.directory}, directory->path() / "merged");
    ASSERT_TRUE(merged) << merged.error().line();
    EXPECT_EQ(merged->trials, 8u);
    ASSERT_EQ(merged->notes.size(), 1u);
    EXPECT_THAT(merged->notes[0], HasSubstr("shard 2/4 was run twice"));
}

TEST_F(CampaignSubmission, AnAttemptThatIsNotPublishedIsRemoved) {
    ASSERT_TRUE(submit());
    fs::path path;
    {
        const auto attempt = attempt_of(1);
        path = attempt.path();
        EXPECT_TRUE(fs::exists(path));
    }
    EXPECT_FALSE(fs::exists(path));
    EXPECT_FALSE(*has_result(spec.directory, 1));
}

TEST_F(CampaignSubmission, ADamagedResultIsSetAsideAndRunAgain) {
    ASSERT_TRUE(submit());
    for (const unsigned shard : {1u, 2u, 3u, 4u}) finish(shard);
    const std::string whole = *read_file(result(3) / "campaign.sqlite");
    ASSERT_TRUE(write_file(result(3) / "campaign.sqlite", whole.substr(0, whole.size() / 2)));
    EXPECT_THAT(words(), ElementsAre("done", "done", "damaged", "done"));
    EXPECT_THAT(states()[2].why, HasSubstr("shards/3/result/campaign.sqlite is damaged"));
    EXPECT_EQ(states(false)[2].state, ShardState::done) << "only a thorough look reads databases";
    const auto refused = merge_campaign({spec.directory}, directory->path() / "merged");
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("shards/3/result/campaign.sqlite is damaged"));
    const auto report = submit();
    ASSERT_TRUE(report) << report.error().line();
    EXPECT_EQ(report->damaged, 1u);
    EXPECT_THAT(report->shards, ElementsAre(3));
    finish(3);
    const auto merged = merge_campaign({spec.directory}, directory->path() / "merged");
    ASSERT_TRUE(merged) << merged.error().line();
    EXPECT_EQ(merged->trials, 8u);
}

// A COMPLETED job may not have run at all.
TEST_F(CampaignSubmission, OnlyAResultProvesThatAShardIsDone) {
    ASSERT_TRUE(submit());
    queue("17|1|COMPLETED|a\\n17|2|COMPLETED|b\\n");
    finish(2);
    EXPECT_THAT(words(), ElementsAre("failed", "done", "absent", "absent"));
    EXPECT_EQ(states()[0].why, "COMPLETED");
    const SubmissionSum sum = sum_of(states());
    EXPECT_EQ(sum.trials, 2u);
    EXPECT_EQ(submission_line(*read_submission(spec.directory), sum),
              "1 of 4 shards done, 1 failed, 2 not in Slurm's queue; 2 of 8 trials done, 2 as expected");
    const std::string text = submission_text(*read_submission(spec.directory), states(), Paint(false));
    EXPECT_THAT(text, HasSubstr("shard    1  failed on a: COMPLETED (logs/1.log)\n"));
}

TEST_F(CampaignSubmission, DefaultShardsHaveSixtyTrials) {
    EXPECT_EQ(default_shards(1), 1u);
    EXPECT_EQ(default_shards(60), 1u);
    EXPECT_EQ(default_shards(61), 2u);
    EXPECT_EQ(default_shards(10'000'000), 1000u);
}

}  // namespace
}  // namespace memrig
