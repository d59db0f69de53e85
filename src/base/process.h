// Runs child processes. None outlives memrig or inherits a descriptor that it was not given, and each is reaped.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/error.h"

namespace memrig {

struct SpawnOptions {
    std::vector<std::string> argv;             // argv[0] is looked up in PATH
    std::filesystem::path output;              // file for stdout and stderr; empty: /dev/null
    std::vector<std::pair<int, int>> inherit;  // {our descriptor, its number in the child}
    std::vector<std::string> environment;      // NAME=value, added to memrig's own
};

struct ExitStatus {
    int code = 0;    // the exit status, if `end` is exited; else 0
    int signal = 0;  // the signal that ended it, if `end` is killed; else 0
    ProcessEnd end = ProcessEnd::exited;
    [[nodiscard]] bool success() const { return end == ProcessEnd::exited && code == 0; }
    // "exit status 1" or "killed by SIGKILL".
    [[nodiscard]] std::string text() const;
};

// A running child in its own process group, with PR_SET_PDEATHSIG=SIGKILL. The death signal is tied to the *thread*
// that spawned the child: that thread must live as long as the child. The destructor kills the group and reaps the
// child. Not thread-safe.
class Process {
public:
    static Result<Process> spawn(const SpawnOptions& options);
    Process(Process&& other) noexcept;
    Process& operator=(Process&& other) noexcept;
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    ~Process();

    [[nodiscard]] pid_t pid() const { return pid_; }
    // Readable once the child has ended.
    [[nodiscard]] int descriptor() const { return pidfd_.get(); }
    // The child's exit status; nothing while it runs. Does not wait.
    std::optional<ExitStatus> poll();
    // Waits for the child's end. Returns nothing if the deadline comes first.
    Result<std::optional<ExitStatus>> wait(Deadline deadline);
    // Sends SIGKILL to the whole group, then reaps the child.
    void kill();

private:
    Process(pid_t pid, Descriptor pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
    pid_t pid_ = -1;
    Descriptor pidfd_;
    std::optional<ExitStatus> status_;
};

struct RunResult {
    ExitStatus status;
    std::string output;  // stdout; with `merge_stderr`, both
};

// Runs a program to its end and returns what it printed. Its stderr goes to memrig's unless merged. Kills the program
// and fails with Fault::rig if it prints more than `limit` bytes, or has not ended at the deadline.
Result<RunResult> run_program(const std::vector<std::string>& argv, Deadline deadline, bool merge_stderr = false,
                              std::size_t limit = 64u << 20);

// The full path of a program, looked up in PATH; a name with a '/' is taken as a path.
std::optional<std::filesystem::path> find_program(const std::string& name);

}  // namespace memrig
