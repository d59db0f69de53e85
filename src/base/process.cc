#include "base/process.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/stop_request.h"

namespace memrig {

namespace {

ExitStatus decode(int status) {
    if (WIFSIGNALED(status)) return {0, WTERMSIG(status), ProcessEnd::killed};
    return {WEXITSTATUS(status), 0, ProcessEnd::exited};
}

constexpr std::size_t kMostInherited = 16;

struct ChildPlan {
    const char* path;
    char* const* argv;
    char* const* envp;
    int output;
    const std::vector<std::pair<int, int>>* inherit;
    pid_t parent;
};

// After fork(): only async-signal-safe calls from here to exec.
[[noreturn]] void become(const ChildPlan& plan, int error_pipe) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != plan.parent) ::_exit(127);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    const int out = plan.output >= 0 ? plan.output : null;
    ::dup2(null, 0);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
    // Two steps, so that no descriptor is overwritten before it has been moved to its number in the child.
    constexpr int far_away = 200;
    int moved[kMostInherited];
    std::size_t count = 0;
    for (const auto& [ours, theirs] : *plan.inherit) moved[count++] = ::fcntl(ours, F_DUPFD_CLOEXEC, far_away);
    error_pipe = ::fcntl(error_pipe, F_DUPFD_CLOEXEC, far_away);
    count = 0;
    for (const auto& [ours, theirs] : *plan.inherit) ::dup2(moved[count++], theirs);
    for (const int signal : {SIGPIPE, SIGINT, SIGTERM}) ::signal(signal, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execve(plan.path, plan.argv, plan.envp);
    const int error = errno;
    [[maybe_unused]] const ssize_t n = ::write(error_pipe, &error, sizeof error);
    ::_exit(127);
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> list;
    list.reserve(strings.size() + 1);
    for (auto& text : strings) list.push_back(text.data());
    list.push_back(nullptr);
    return list;
}

std::vector<std::string> merged_environment(const std::vector<std::string>& added) {
    std::vector<std::string> merged = added;
    for (char** entry = ::environ; *entry != nullptr; entry++) {
        const std::string_view ours(*entry);
        const auto name = ours.substr(0, ours.find('=') + 1);
        bool overridden = false;
        for (const auto& text : added) overridden = overridden || text.starts_with(name);
        if (!overridden) merged.emplace_back(ours);
    }
    return merged;
}

Result<pid_t> fork_exec(const SpawnOptions& options, int output) {
    MEMRIG_ASSERT(!options.argv.empty(), "a child has a program");
    if (options.inherit.size() > kMostInherited)
        return fail(Fault::rig, "more than {} descriptors for a child", kMostInherited);
    const auto program = find_program(options.argv[0]);
    if (!program) return fail(Fault::host, "the program {} is not installed", options.argv[0]);
    std::vector<std::string> argv = options.argv;
    std::vector<std::string> environment = merged_environment(options.environment);
    const std::vector<char*> argv_list = pointers(argv);
    const std::vector<char*> envp_list = pointers(environment);
    const std::string path = program->string();
    int error_pipe[2];
    if (::pipe2(error_pipe, O_CLOEXEC) != 0) return fail_errno(Fault::host, "make a pipe");
    Descriptor read_end(error_pipe[0]);
    Descriptor write_end(error_pipe[1]);
    const ChildPlan plan{path.c_str(), argv_list.data(), envp_list.data(), output, &options.inherit, ::getpid()};
    const pid_t pid = ::fork();
    if (pid < 0) return fail_errno(Fault::host, "fork");
    if (pid == 0) become(plan, write_end.get());
    write_end.close();
    int error = 0;
    if (::read(read_end.get(), &error, sizeof error) == static_cast<ssize_t>(sizeof error)) {
        ::waitpid(pid, nullptr, 0);
        errno = error;
        return fail_errno(Fault::host, "start " + path);
    }
    return pid;
}

}  // namespace

std::string ExitStatus::text() const {
    if (end == ProcessEnd::exited) return fmt::format("exit status {}", code);
    const char* name = ::sigabbrev_np(signal);
    return name != nullptr ? fmt::format("killed by SIG{}", name) : fmt::format("killed by signal {}", signal);
}

Result<Process> Process::spawn(const SpawnOptions& options) {
    Descriptor output;
    if (!options.output.empty()) {
        output = Descriptor(::open(options.output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
        if (!output.valid()) return fail_errno(Fault::host, "open " + options.output.string());
    }
    MEMRIG_TRY(const pid_t pid, fork_exec(options, output.get()));
    Descriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd.valid()) {
        ::kill(-pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        return fail_errno(Fault::host, "open a process descriptor");
    }
    return Process(pid, std::move(pidfd));
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)), status_(other.status_) {}

Process& Process::operator=(Process&& other) noexcept {
    if (this != &other) {
        kill();
        pid_ = std::exchange(other.pid_, -1);
        pidfd_ = std::move(other.pidfd_);
        status_ = other.status_;
    }
    return *this;
}

Process::~Process() { kill(); }

std::optional<ExitStatus> Process::poll() {
    int status = 0;
    if (!status_ && pid_ > 0 && ::waitpid(pid_, &status, WNOHANG) == pid_) status_ = decode(status);
    return status_;
}

Result<std::optional<ExitStatus>> Process::wait(Deadline deadline) {
    if (const auto ended = poll()) return ended;
    MEMRIG_CHECK(wait_readable(pidfd_.get(), deadline));
    return poll();
}

void Process::kill() {
    if (pid_ <= 0 || status_) return;
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    status_ = decode(status);
}

Result<RunResult> run_program(const std::vector<std::string>& argv, Deadline deadline, bool merge_stderr,
                              std::size_t limit) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno(Fault::host, "make a pipe");
    Descriptor read_end(ends[0]);
    Descriptor write_end(ends[1]);
    SpawnOptions options;
    options.argv = argv;
    options.inherit = {{write_end.get(), 1}};
    options.inherit.emplace_back(merge_stderr ? write_end.get() : 2, 2);
    // become() points the child's descriptor 2 at /dev/null, so the child inherits a copy of ours.
    Descriptor own_stderr(::fcntl(2, F_DUPFD_CLOEXEC, 10));
    if (!merge_stderr) options.inherit.back().first = own_stderr.get();
    MEMRIG_TRY(Process child, Process::spawn(options));
    write_end.close();
    std::string output;
    std::vector<char> buffer(1 << 16);
    for (;;) {
        MEMRIG_TRY(const Wait wait, wait_readable(read_end.get(), deadline));
        if (wait == Wait::expired) return fail(Fault::rig, "{} did not end in time", argv[0]);
        MEMRIG_TRY(const std::size_t n, read_some(read_end.get(), buffer));
        if (n == 0) break;
        if (output.size() + n > limit) return fail(Fault::rig, "{} printed more than {} bytes", argv[0], limit);
        output.append(buffer.data(), n);
    }
    MEMRIG_TRY(const auto status, child.wait(deadline));
    if (!status) return fail(Fault::rig, "{} did not end in time", argv[0]);
    return RunResult{*status, std::move(output)};
}

std::optional<std::filesystem::path> find_program(const std::string& name) {
    if (name.find('/') != std::string::npos)
        return ::access(name.c_str(), X_OK) == 0 ? std::optional<std::filesystem::path>(name) : std::nullopt;
    const char* path = std::getenv("PATH");
    std::istringstream list(path != nullptr ? path : "/usr/bin:/bin");
    for (std::string directory; std::getline(list, directory, ':');) {
        const auto candidate = std::filesystem::path(directory) / name;
        if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    }
    return std::nullopt;
}

}  // namespace memrig
