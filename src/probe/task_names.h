// Tasks by name: the pid and the comm of a task whose task_struct is known, without debug information of the kernel.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "probe/probe.h"

namespace memrig {

struct TaskName {
    std::string comm;
    int pid = -1;                            // -1: not known
    [[nodiscard]] std::string text() const;  // "kworker/u6:2, pid 43"
};

// `owners` are task_structs with their tasks (kernel stacks), `known` the tasks whose comm is known. Where `comm` lies in a task_struct
// (include/linux/sched.h) is learned from those; `pid` and `tgid` lie before it, side by side: in a kernel thread they are the same, in a
// thread of the agent tgid is 1. By task; empty where nothing could be learned. The guest stands still.
Result<std::map<std::uint64_t, TaskName>> name_tasks(Probe& probe, const std::map<std::uint64_t, std::uint64_t>& owners,
                                                     const std::map<std::uint64_t, std::string>& known);

}  // namespace memrig
