// Reads what Slurm's commands print, and runs made-up ones.
#include "campaign/slurm.h"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"

namespace memrig {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// As Slurm 22.05.8 prints it.
constexpr const char* kSqueue =
    "17|1|COMPLETED|node1\n17|2|RUNNING|node2\n17|3|PENDING|\n17|4|NODE_FAIL|node1\n18|4|PENDING|\n";
constexpr const char* kScontrol =
    "JobId=17 ArrayJobId=17 ArrayTaskId=4 JobName=memrig-n-0123abcd UserId=a(1) GroupId=a(1) MCS_label=N/A Priority=1 "
    "Nice=0 Account=(null) QOS=(null) JobState=NODE_FAIL Reason=NodeDown Dependency=(null) Requeue=1 Restarts=2 "
    "BatchFlag=2 Reboot=0 ExitCode=0:0 RunTime=00:00:05 Command=/a b/ExitCode=9:9/job.sh WorkDir=/a b\n"
    "JobId=19 ArrayJobId=17 ArrayTaskId=2 JobState=RUNNING Reason=None Restarts=1 ExitCode=0:0\n"
    "JobId=20 ArrayJobId=17 ArrayTaskId=3-8%2 JobState=PENDING Reason=Resources Restarts=9 ExitCode=0:0\n"
    "JobId=21 JobState=RUNNING Restarts=7\n"
    "slurm_load_jobs error: something else\n";

TEST(Slurm, ReadsTasks) {
    const auto tasks = parse_squeue(kSqueue);
    ASSERT_TRUE(tasks) << tasks.error().line();
    ASSERT_EQ(tasks->size(), 5u);
    EXPECT_EQ((*tasks)[1].job, "17");
    EXPECT_EQ((*tasks)[1].shard, 2u);
    EXPECT_EQ((*tasks)[1].state, "RUNNING");
    EXPECT_EQ((*tasks)[1].node, "node2");
    EXPECT_TRUE((*tasks)[1].is_running());
    EXPECT_FALSE((*tasks)[1].is_pending());
    EXPECT_TRUE((*tasks)[2].is_pending());
    EXPECT_EQ((*tasks)[2].node, "");
    EXPECT_FALSE((*tasks)[3].is_pending() || (*tasks)[3].is_running());
    EXPECT_THAT(*parse_squeue(""), IsEmpty());
    EXPECT_THAT(*parse_squeue("17|N/A|RUNNING|node1\n"), IsEmpty()) << "a job without an array";
}

TEST(Slurm, AnUnknownLineIsSaid) {
    for (const char* text : {"slurm_load_jobs error\n", "17|1|RUNNING\n", "|1|RUNNING|n\n", "17|1||n\n"}) {
        const auto tasks = parse_squeue(std::string("17|1|RUNNING|n\n") + text);
        ASSERT_FALSE(tasks) << text;
        EXPECT_THAT(tasks.error().message, HasSubstr("squeue says"));
    }
}

TEST(Slurm, ReadsDetails) {
    auto tasks = *parse_squeue(kSqueue);
    add_scontrol(kScontrol, tasks);
    EXPECT_EQ(tasks[3].restarts, 2u);
    EXPECT_EQ(tasks[3].end_text(), "NODE_FAIL, NodeDown");
    EXPECT_EQ(tasks[1].restarts, 1u);
    EXPECT_EQ(tasks[2].restarts, 0u) << "a range of tasks is not one";
    EXPECT_EQ(tasks[4].restarts, 0u) << "it is of another job";
    const auto end = [](const char* fields) {
        std::vector<SlurmTask> one(1);
        one[0].job = "1";
        one[0].shard = 2;
        one[0].state = "FAILED";
        add_scontrol(std::string("ArrayJobId=1 ArrayTaskId=2 ") + fields, one);
        return one[0].end_text();
    };
    EXPECT_EQ(end("Reason=NonZeroExitCode ExitCode=3:0"), "FAILED, exit status 3");
    EXPECT_EQ(end("Reason=RaisedSignal:53 ExitCode=0:53"), "FAILED, signal 53, RaisedSignal:53");
    EXPECT_EQ(end("Reason=None ExitCode=0:0"), "FAILED");
    EXPECT_EQ(end("XReason=a ExitCode=x"), "FAILED");
}

TEST(Slurm, AnArrayIsWrittenInRanges) {
    EXPECT_EQ(array_text({1, 2, 3, 7, 9, 10}), "1-3,7,9-10");
    EXPECT_EQ(array_text({5}), "5");
    EXPECT_EQ(array_text({1, 2}), "1-2");
}

// Slurm's commands are shell scripts that write down how they were called.
class FakeSlurm : public ::testing::Test {
protected:
    void SetUp() override {
        directory = std::make_unique<TemporaryDirectory>(*TemporaryDirectory::make("memrig-slurm-test"));
        old_path = std::getenv("PATH");
        ::setenv("PATH", (directory->path().string() + ":/usr/bin:/bin").c_str(), 1);
    }
    void TearDown() override { ::setenv("PATH", old_path.c_str(), 1); }
    void command(const std::string& name, const std::string& body) {
        const fs::path file = directory->path() / name;
        ASSERT_TRUE(write_file(file, "#!/bin/sh\nprintf '%s\\n' " + name + " \"$@\" >>" +
                                         (directory->path() / "calls").string() + "\n" + body + "\n"));
        fs::permissions(file, fs::perms::owner_all);
    }
    std::string calls() { return read_file(directory->path() / "calls").value_or(""); }
    std::unique_ptr<TemporaryDirectory> directory;
    std::string old_path;
};

TEST_F(FakeSlurm, AJobIsSubmitted) {
    command("sbatch", "echo 'sbatch: warning: a quota is near' >&2; echo '17;cluster'");
    const auto id = submit_to_slurm({"memrig-n-1", "/d/job.sh", {1, 2, 5}, {"--time=60", "--job-name=mine"}});
    ASSERT_TRUE(id) << id.error().line();
    EXPECT_EQ(*id, "17");
    EXPECT_EQ(calls(),
              "sbatch\n--parsable\n--time=60\n--job-name=mine\n--job-name=memrig-n-1\n--array=1-2,5\n/d/job.sh\n");
}

TEST_F(FakeSlurm, TheClustersWordsAreSaid) {
    command("sbatch",
            "echo 'sbatch: warning: x' >&2; echo 'sbatch: error: invalid partition specified: q' >&2; "
            "echo 'sbatch: error: Batch job submission failed: Invalid partition name specified' >&2; exit 1");
    const auto id = submit_to_slurm({"n", "/job.sh", {1}, {}});
    ASSERT_FALSE(id);
    EXPECT_EQ(id.error().fault, Fault::user_input);
    EXPECT_EQ(id.error().message,
              "Slurm refuses: sbatch: Batch job submission failed: Invalid partition name specified");
}

TEST_F(FakeSlurm, AControllerThatIsGoneIsNoRefusal) {
    command("sbatch",
            "echo 'sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect "
            "failure)' >&2; exit 1");
    // Without "Unable to contact": as squeue said on a busy host.
    command("squeue", "echo 'squeue: error: Unexpected missing socket error' >&2; exit 1");
    EXPECT_EQ(slurm_tasks("n").error().message, "Slurm does not answer: squeue: Unexpected missing socket error");
    command("squeue", "echo 'slurm_load_jobs error: Unable to contact slurm controller (connect failure)' >&2; exit 1");
    for (const Error& error : {submit_to_slurm({"n", "/job.sh", {1}, {}}).error(), slurm_tasks("n").error()}) {
        EXPECT_EQ(error.fault, Fault::host);
        EXPECT_THAT(error.message, HasSubstr("Slurm does not answer: "));
        EXPECT_THAT(error.message, HasSubstr("Unable to contact slurm controller"));
    }
}

TEST_F(FakeSlurm, WithoutSlurmTheErrorSaysSo) {
    ::setenv("PATH", directory->path().c_str(), 1);
    const auto id = submit_to_slurm({"n", "/job.sh", {1}, {}});
    ASSERT_FALSE(id);
    EXPECT_EQ(id.error().fault, Fault::host);
    EXPECT_THAT(id.error().line(), HasSubstr("Slurm is not there: sbatch is not in PATH (install Slurm's client"));
}

TEST_F(FakeSlurm, TasksComeWithTheirDetails) {
    command("squeue", "printf '17|1|RUNNING|node1\\n17|2|PENDING|\\n'");
    command("scontrol", "echo 'JobId=18 ArrayJobId=17 ArrayTaskId=1 Restarts=3'");
    auto tasks = slurm_tasks("memrig-n-1");
    ASSERT_TRUE(tasks) << tasks.error().line();
    ASSERT_EQ(tasks->size(), 2u);
    EXPECT_EQ((*tasks)[0].restarts, 3u);
    EXPECT_THAT(calls(), HasSubstr("-n\nmemrig-n-1\n"));
    EXPECT_THAT(calls(), HasSubstr("scontrol\n-o\nshow\njob\n17\n"));
    command("scontrol", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1");
    tasks = slurm_tasks("memrig-n-1");
    ASSERT_TRUE(tasks) << "a job may be forgotten meanwhile";
    EXPECT_EQ((*tasks)[0].restarts, 0u);
}

}  // namespace
}  // namespace memrig
