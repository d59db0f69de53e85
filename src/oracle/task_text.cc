#include "oracle/task_text.h"

#include <fmt/format.h>

namespace memrig {

std::string task_name(const Performance& performance, std::uint64_t task) {
    for (const auto& [actor, stack] : performance.tasks)
        if (stack == task) return actor;
    const auto name = performance.names.find(task);
    return name == performance.names.end() ? fmt::format("task {:x}", task) : name->second.text();
}

std::string joined(const std::vector<std::string>& words, const char* between) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : between) + word;
    return text;
}

}  // namespace memrig
