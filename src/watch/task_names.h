// Tasks by name: the pid and the comm of a task whose task_struct is known, without debug information of the kernel.
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

// A task, and what its task_struct held while it was alive.
struct TaskStruct {
    std::uint64_t task;          // its kernel stack
    std::string bytes;           // empty where it could not be read
    std::uint64_t stack_at = 0;  // where in it `stack` lies; 0: not known
};

constexpr std::size_t kTaskStructBytes = 8192;  // more than any kernel puts before comm

// `owners` are tasks by the address of their task_struct, `known` the tasks whose comm is known. Where `comm` lies in a task_struct
// (include/linux/sched.h) is learned from those; `pid` and `tgid` lie before it, side by side and before the parents: in a kernel thread
// they are the same, in a thread of the agent tgid is 1. By task; empty where nothing could be learned.
std::map<std::uint64_t, TaskName> name_tasks(const std::map<std::uint64_t, TaskStruct>& owners,
                                             const std::map<std::uint64_t, std::string>& known);

}  // namespace memrig
