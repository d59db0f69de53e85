// Child processes: what they inherit, how they end, and that none is left.
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"

namespace memrig {
namespace {

using namespace std::chrono_literals;

Deadline process_soon() { return Deadline::after(60s); }

struct Pipe {
    Descriptor read, write;
    Pipe() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
        read = Descriptor(ends[0]);
        write = Descriptor(ends[1]);
    }
};

// All that comes until every writer has closed.
std::string drain(int fd) {
    std::string text;
    char buffer[4096];
    for (;;) {
        const auto n = read_some(fd, buffer);
        if (!n || *n == 0) return text;
        text.append(buffer, *n);
    }
}

// A file with this text, open for reading from its beginning.
// Its number is above those that the tests give to a child: ctest leaves some of the low ones open.
Descriptor open_text(const fs::path& path, const std::string& text) {
    constexpr int above = 20;
    EXPECT_TRUE(write_file(path, text));
    const Descriptor low(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    return Descriptor(::fcntl(low.get(), F_DUPFD_CLOEXEC, above));
}

Descriptor pidfd_of(pid_t pid) { return Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

void expect_dies(const Descriptor& pidfd) {
    ASSERT_TRUE(pidfd.valid());
    const auto end = wait_readable(pidfd.get(), process_soon());
    ASSERT_TRUE(end);
    EXPECT_EQ(*end, Wait::ready) << "it lives on";
}

class ProcessTest : public ::testing::Test {
protected:
    // Runs `script` to its end and returns what it printed.
    std::string shell(const std::string& script, std::vector<std::pair<int, int>> inherit = {},
                      std::vector<std::string> environment = {}) {
        Pipe output;
        SpawnOptions options;
        options.argv = {"sh", "-c", script};
        options.inherit = std::move(inherit);
        options.inherit.emplace_back(output.write.get(), 1);
        options.environment = std::move(environment);
        auto child = Process::spawn(options);
        if (!child) {
            ADD_FAILURE() << child.error().message;
            return {};
        }
        output.write.close();
        std::string text = drain(output.read.get());
        status = child->wait(process_soon()).value_or(std::nullopt);
        return text;
    }
    ExitStatus end_of(const std::string& script) {
        shell(script);
        return status.value_or(ExitStatus{-1, -1});
    }

    TemporaryDirectory directory = std::move(*TemporaryDirectory::make("memrig-test"));
    std::optional<ExitStatus> status;
};

// --- how it ends

TEST_F(ProcessTest, AnExitStatus) {
    EXPECT_TRUE(end_of("exit 0").success());
    const ExitStatus three = end_of("exit 3");
    EXPECT_FALSE(three.success());
    EXPECT_EQ(three.text(), "exit status 3");
    const ExitStatus killed = end_of("kill -KILL $$");
    EXPECT_FALSE(killed.success());
    EXPECT_EQ(killed.text(), "killed by SIGKILL");
    EXPECT_EQ(three.end, ProcessEnd::exited);
    EXPECT_EQ(killed.end, ProcessEnd::killed);
    EXPECT_EQ((ExitStatus{0, 40, ProcessEnd::killed}.text()), "killed by signal 40") << "it has no name";
}

TEST_F(ProcessTest, TheEndCanBePolled) {
    Pipe input;
    SpawnOptions options;
    options.argv = {"cat"};
    options.inherit = {{input.read.get(), 0}};
    auto child = Process::spawn(options);
    ASSERT_TRUE(child);
    EXPECT_FALSE(child->poll());
    const auto early = child->wait(Deadline(SteadyTime::min()));
    ASSERT_TRUE(early);
    EXPECT_FALSE(*early) << "a deadline is no end";
    input.write.close();
    const auto end = child->wait(process_soon());
    ASSERT_TRUE(end && *end);
    EXPECT_TRUE((*end)->success());
    EXPECT_TRUE(child->poll()) << "it is known ever after";
}

TEST_F(ProcessTest, AProgramThatIsNotThereIsTheHostsFault) {
    SpawnOptions options;
    options.argv = {"no-such-program-anywhere"};
    const auto child = Process::spawn(options);
    ASSERT_FALSE(child);
    EXPECT_EQ(child.error().fault, Fault::host);
    EXPECT_EQ(child.error().message, "the program no-such-program-anywhere is not installed");
}

TEST_F(ProcessTest, AProgramThatCannotBeExecutedIsAnErrorAndLeavesNobody) {
    const fs::path program = directory.path() / "garbage";
    ASSERT_TRUE(write_file(program, "\x01\x02 no program"));
    ASSERT_EQ(::chmod(program.c_str(), 0755), 0);
    SpawnOptions options;
    options.argv = {program.string()};
    const auto child = Process::spawn(options);
    ASSERT_FALSE(child);
    EXPECT_EQ(child.error().fault, Fault::host);
    EXPECT_NE(child.error().message.find("Exec format error"), std::string::npos) << child.error().message;
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
}

// --- what it inherits

TEST_F(ProcessTest, DescriptorsComeUnderTheirNumbers) {
    const Descriptor first = open_text(directory.path() / "1", "one");
    const Descriptor second = open_text(directory.path() / "2", "two");
    EXPECT_EQ(shell("cat <&8; echo; cat <&9", {{first.get(), 8}, {second.get(), 9}}), "one\ntwo");
}

TEST_F(ProcessTest, DescriptorsMayTradePlaces) {
    const Descriptor first = open_text(directory.path() / "1", "one");
    const Descriptor second = open_text(directory.path() / "2", "two");
    ASSERT_EQ(::dup3(first.get(), 8, O_CLOEXEC), 8);
    ASSERT_EQ(::dup3(second.get(), 9, O_CLOEXEC), 9);
    const Descriptor eight(8), nine(9);
    EXPECT_EQ(shell("cat <&8; echo; cat <&9", {{8, 9}, {9, 8}}), "two\none");
}

TEST_F(ProcessTest, ADescriptorMayKeepItsNumber) {
    const Descriptor first = open_text(directory.path() / "1", "one");
    ASSERT_EQ(::dup3(first.get(), 8, O_CLOEXEC), 8);
    const Descriptor eight(8);
    EXPECT_EQ(shell("cat <&8", {{8, 8}}), "one");
}

TEST_F(ProcessTest, OneDescriptorMayHaveSeveralNumbers) {
    const Descriptor first = open_text(directory.path() / "1", "one");
    EXPECT_EQ(shell("cat <&7; cat <&8; [ -e /proc/$$/fd/7 ] && [ -e /proc/$$/fd/8 ] && echo both",
                    {{first.get(), 7}, {first.get(), 8}}),
              "oneboth\n");
}

TEST_F(ProcessTest, NothingElseIsInherited) {
    const Descriptor first = open_text(directory.path() / "1", "one");
    const int leaky = ::fcntl(first.get(), F_DUPFD, 50);  // without close-on-exec
    ASSERT_GE(leaky, 50);
    const Descriptor owner(leaky);
    EXPECT_EQ(
        shell("i=0; while [ $i -lt 300 ]; do [ -e /proc/$$/fd/$i ] && echo $i; i=$((i+1)); done", {{first.get(), 8}}),
        "0\n1\n2\n8\n");
}

TEST_F(ProcessTest, AnExecThatFailsIsSeenThoughItsReportHadTheNumberOfADescriptor) {
    const fs::path program = directory.path() / "garbage";
    ASSERT_TRUE(write_file(program, "\x01\x02 no program"));
    ASSERT_EQ(::chmod(program.c_str(), 0755), 0);
    Pipe given;
    SpawnOptions options;
    options.argv = {program.string()};
    int next = 0;
    {
        const Pipe taken;  // the numbers that the next pipe will have
        next = taken.write.get();
    }
    options.inherit = {{given.write.get(), next}};
    const auto child = Process::spawn(options);
    EXPECT_FALSE(child);
    given.write.close();
    EXPECT_EQ(drain(given.read.get()), "") << "the report went to somebody else";
}

TEST_F(ProcessTest, StdioIsNull) {
    EXPECT_EQ(shell("readlink /proc/$$/fd/0; readlink /proc/$$/fd/2"), "/dev/null\n/dev/null\n");
}

TEST_F(ProcessTest, OutputGoesToTheFileBehindWhatIsThere) {
    const fs::path log = directory.path() / "log";
    ASSERT_TRUE(write_file(log, "before\n"));
    SpawnOptions options;
    options.argv = {"sh", "-c", "echo out; echo err >&2"};
    options.output = log;
    auto child = Process::spawn(options);
    ASSERT_TRUE(child);
    ASSERT_TRUE(child->wait(process_soon()));
    EXPECT_EQ(read_file(log), "before\nout\nerr\n");
}

TEST_F(ProcessTest, TheEnvironmentIsOursWithAdditions) {
    ASSERT_EQ(::setenv("MEMRIG_TEST_OLD", "old", 1), 0);
    ASSERT_EQ(::setenv("MEMRIG_TEST_KEPT", "kept", 1), 0);
    EXPECT_EQ(shell("echo $MEMRIG_TEST_OLD $MEMRIG_TEST_KEPT $MEMRIG_TEST_NEW", {},
                    {"MEMRIG_TEST_OLD=changed", "MEMRIG_TEST_NEW=new"}),
              "changed kept new\n");
}

TEST_F(ProcessTest, SignalsAreAsTheyAreByDefault) {
    sigset_t terminate, before;
    ::sigemptyset(&terminate);
    ::sigaddset(&terminate, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &terminate, &before);
    const auto old = std::signal(SIGPIPE, SIG_IGN);
    EXPECT_EQ(end_of("kill -PIPE $$").text(), "killed by SIGPIPE");
    EXPECT_EQ(end_of("kill -TERM $$").text(), "killed by SIGTERM");
    std::signal(SIGPIPE, old);
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

TEST_F(ProcessTest, MoreDescriptorsThanItCanTakeIsAnError) {
    SpawnOptions options;
    options.argv = {"true"};
    for (int i = 0; i < 17; i++) options.inherit.emplace_back(0, 10 + i);
    EXPECT_FALSE(Process::spawn(options));
}

// --- nobody is left behind

TEST_F(ProcessTest, DestroyingItReapsIt) {
    pid_t pid = 0;
    {
        SpawnOptions options;
        options.argv = {"sleep", "1000"};
        auto child = Process::spawn(options);
        ASSERT_TRUE(child);
        pid = child->pid();
    }
    EXPECT_EQ(::waitpid(pid, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
    EXPECT_EQ(::kill(pid, 0), -1);
}

TEST_F(ProcessTest, KillingItKillsItsChildren) {
    Pipe output;
    SpawnOptions options;
    options.argv = {"sh", "-c", "sleep 1000 & echo $!; wait"};
    options.inherit = {{output.write.get(), 1}};
    auto child = Process::spawn(options);
    ASSERT_TRUE(child);
    output.write.close();
    char buffer[64];
    const auto n = read_some(output.read.get(), buffer);
    ASSERT_TRUE(n && *n > 0);
    const Descriptor grandchild = pidfd_of(std::atoi(std::string(buffer, *n).c_str()));
    child->kill();
    expect_dies(grandchild);
}

TEST_F(ProcessTest, ItDoesNotOutliveUs) {
    Pipe output;
    const pid_t parent = ::fork();
    ASSERT_GE(parent, 0);
    if (parent == 0) {
        SpawnOptions options;
        options.argv = {"sleep", "1000"};
        auto child = Process::spawn(options);
        const pid_t pid = child ? child->pid() : 0;
        [[maybe_unused]] const ssize_t n = ::write(output.write.get(), &pid, sizeof pid);
        ::pause();
        ::_exit(0);
    }
    output.write.close();
    pid_t pid = 0;
    ASSERT_EQ(::read(output.read.get(), &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
    ASSERT_GT(pid, 0);
    const Descriptor orphan = pidfd_of(pid);
    ::kill(parent, SIGKILL);
    ASSERT_EQ(::waitpid(parent, nullptr, 0), parent);
    expect_dies(orphan);
}

TEST_F(ProcessTest, AMovedOneIsKilledOnce) {
    SpawnOptions options;
    options.argv = {"sleep", "1000"};
    auto first = Process::spawn(options);
    auto second = Process::spawn(options);
    ASSERT_TRUE(first && second);
    const Descriptor killed = pidfd_of(first->pid());
    const pid_t kept = second->pid();
    *first = std::move(*second);
    expect_dies(killed);
    EXPECT_EQ(first->pid(), kept);
    EXPECT_FALSE(first->poll()) << "the one that was moved here is gone";
}

// --- run_program

TEST(RunProgram, GivesOutputAndStatus) {
    const auto run = run_program({"sh", "-c", "echo out; exit 4"}, process_soon());
    ASSERT_TRUE(run) << run.error().message;
    EXPECT_EQ(run->output, "out\n");
    EXPECT_EQ(run->status.code, 4);
}

TEST(RunProgram, MergesStderrIfAsked) {
    const auto merged = run_program({"sh", "-c", "echo out; echo err >&2"}, process_soon(), true);
    ASSERT_TRUE(merged);
    EXPECT_EQ(merged->output, "out\nerr\n");
    testing::internal::CaptureStderr();
    const auto apart = run_program({"sh", "-c", "echo out; echo err >&2"}, process_soon());
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "err\n");
    EXPECT_EQ(apart->output, "out\n");
}

TEST(RunProgram, MoreThanTheLimitIsAnErrorAndEndsIt) {
    const auto run = run_program({"sh", "-c", "while :; do echo endless; done"}, process_soon(), false, 1000);
    ASSERT_FALSE(run);
    EXPECT_NE(run.error().message.find("more than 1000 bytes"), std::string::npos);
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "it is left";
    EXPECT_TRUE(run_program({"printf", "1234"}, process_soon(), false, 4));
    EXPECT_FALSE(run_program({"printf", "12345"}, process_soon(), false, 4));
}

TEST(RunProgram, ADeadlineIsAnErrorAndEndsIt) {
    const auto run = run_program({"sleep", "1000"}, Deadline(SteadyTime::min()));
    ASSERT_FALSE(run);
    EXPECT_NE(run.error().message.find("did not end in time"), std::string::npos);
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "it is left";
}

TEST(FindProgram, LooksInPathOrAtThePath) {
    EXPECT_TRUE(find_program("sh"));
    EXPECT_EQ(find_program("/bin/sh"), fs::path("/bin/sh"));
    EXPECT_FALSE(find_program("/bin/no-such-program"));
    EXPECT_FALSE(find_program("no-such-program-anywhere"));
}

}  // namespace
}  // namespace memrig
