// Parses task dumps as sched_show_task() prints them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "console/report.h"
#include "console/stack.h"

namespace memrig::console {

// The task, if the line starts a task's dump: "task:init state:D stack:0 pid:86 tgid:86 ppid:1 flags:0x0", or before
// 5.10 a row of a table: "init            D    0    86      1 0x00000000".
std::optional<TaskDump> task_line(std::string_view text);

// Collects one task's dump, which is fed line by line after its first line.
class TaskReader {
public:
    explicit TaskReader(TaskDump task) : task_(std::move(task)) {}

    void feed(std::string_view text);
    [[nodiscard]] bool done() const { return stack_.done() || waited_ > 16; }
    TaskDump finish();

private:
    TaskDump task_;
    StackReader stack_{true};
    int waited_ = 0;  // lines without a call trace; a running task has none
};

}  // namespace memrig::console
