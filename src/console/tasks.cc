#include "console/tasks.h"

#include "console/text.h"

namespace memrig::console {

namespace {

// The states of task_state_to_char(), in old and new kernels.
constexpr std::string_view states = "RSDTtXZPIKWxNn";

std::optional<TaskDump> labelled(std::string_view text) {
    if (!consume(text, "task:")) return std::nullopt;
    const auto at = text.rfind(" state:");
    if (at == std::string_view::npos || at + 7 >= text.size()) return std::nullopt;
    const char state = text[at + 7];
    if (!contains(states, std::string_view(&state, 1))) return std::nullopt;
    return TaskDump{.comm = clean(trim(text.substr(0, at)), 64),
                    .state = state,
                    .pid = pid_after(text.substr(at), " pid:"),
                    .stack = {}};
}

// "%-15.15s %c", then (before 4.12) the saved program counter or "running task", then free stack, pid, parent, flags.
std::optional<TaskDump> table_row(std::string_view text) {
    constexpr std::size_t comm_width = 15;
    if (text.size() < comm_width + 2 || text[comm_width] != ' ') return std::nullopt;
    const char state = text[comm_width + 1];
    if (!contains(states, std::string_view(&state, 1))) return std::nullopt;
    std::string_view rest = text.substr(comm_width + 2);
    if (rest.empty() || rest.front() != ' ') return std::nullopt;
    skip_spaces(rest);
    if (consume(rest, "running")) {
        skip_spaces(rest);
        consume(rest, "task");
    } else if (std::string_view counter = rest; take_hex(counter).size() >= 8 && counter.starts_with(' ')) {
        rest = counter;
    }
    const std::string_view free = take_word(rest);
    const int pid = to_pid(take_word(rest));
    const int parent = to_pid(take_word(rest));
    const std::string_view flags = take_word(rest);
    if (to_pid(free) < 0 || pid < 0 || parent < 0 || !flags.starts_with("0x") || !trim(rest).empty())
        return std::nullopt;
    return TaskDump{.comm = clean(trim(text.substr(0, comm_width)), 64), .state = state, .pid = pid, .stack = {}};
}

}  // namespace

std::optional<TaskDump> task_line(std::string_view text) {
    if (auto task = labelled(text)) return task;
    return table_row(text);
}

void TaskReader::feed(std::string_view text) {
    if (!stack_.feed(text) && stack_.waiting()) ++waited_;
}

TaskDump TaskReader::finish() {
    task_.stack = stack_.take();
    return std::move(task_);
}

}  // namespace memrig::console
