// Finds the pid and the comm of tasks whose task_struct is known, without debug information of the kernel.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace memrig {

struct TaskName {
    std::string comm;
    int pid = -1;                            // -1: not known
    [[nodiscard]] std::string text() const;  // "kworker/u6:2, pid 43"
};

// A task, and the bytes of its task_struct while it was alive.
struct TaskStruct {
    std::uint64_t task;          // its kernel stack
    std::string bytes;           // empty if it could not be read
    std::uint64_t stack_at = 0;  // the offset of `stack` in the task_struct; 0: not known
};

constexpr std::size_t kTaskStructBytes = 8192;  // more bytes than any kernel has before comm

// Returns the names by task (kernel stack). Empty if they could not be learned. `owners` are tasks by the address of
// their task_struct. `known` has the comm of some tasks, by task: they are threads of the agent.
// The offset of `comm` in a task_struct (include/linux/sched.h) is learned from the known tasks. `pid` and `tgid` lie
// before it, side by side and before the parents. In a kernel thread they are the same. In the agent's threads, tgid
// is 1.
std::map<std::uint64_t, TaskName> name_tasks(const std::map<std::uint64_t, TaskStruct>& owners,
                                             const std::map<std::uint64_t, std::string>& known);

}  // namespace memrig
