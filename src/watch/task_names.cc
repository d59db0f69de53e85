#include "watch/task_names.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "probe/architecture.h"
#include "probe/packet.h"

namespace memrig {

namespace {

constexpr std::size_t kCommBytes = 16;  // TASK_COMM_LEN
constexpr std::uint32_t kMostPids = 1u << 22;

std::string comm_at(const std::string& bytes, std::size_t offset) {
    std::string comm;
    for (std::size_t i = offset; i < offset + kCommBytes && i < bytes.size(); i++) {
        const auto c = static_cast<unsigned char>(bytes[i]);
        if (c == 0) return comm;
        if (c < 0x20 || c > 0x7e) return {};
        comm += static_cast<char>(c);
    }
    return {};
}

// Returns 0 if `bytes` ends before the end of the word.
std::uint32_t word_at(const std::string& bytes, std::size_t offset) {
    constexpr std::size_t size = 4;
    std::uint32_t word = 0;
    if (offset > bytes.size() || bytes.size() - offset < size) return word;
    for (std::size_t i = size; i-- > 0;) word = word << 8 | static_cast<unsigned char>(bytes[offset + i]);
    return word;
}

std::optional<std::size_t> find_comm(const std::vector<TaskStruct>& tasks,
                                     const std::map<std::uint64_t, std::string>& known) {
    for (const auto& [task, bytes, stack_at] : tasks) {
        const auto name = known.find(task);
        if (name == known.end()) continue;
        const std::string wanted = name->second.substr(0, kCommBytes - 1) + std::string(1, '\0');
        // Take the first match: behind this task_struct may lie that of another task with the same comm.
        for (std::size_t at = bytes.find(wanted); at != std::string::npos; at = bytes.find(wanted, at + 1))
            if (std::ranges::none_of(tasks, [&](const TaskStruct& seen) { return comm_at(seen.bytes, at).empty(); }))
                return at;
    }
    return std::nullopt;
}

// real_parent and parent follow {pid, tgid}, with at most a stack canary in between. They are the same unless the task
// is traced.
bool parents_follow(const std::string& bytes, std::size_t at) {
    const auto long_at = [&](std::size_t offset) {
        return offset + 8 <= bytes.size() ? little_endian(std::string_view(bytes).substr(offset, 8)) : 0;
    };
    const auto same = [&](std::size_t offset) {
        return is_kernel_address(long_at(offset)) && long_at(offset) == long_at(offset + 8);
    };
    return same(at + 8) || same(at + 16);
}

// Returns true for the comm of a CPU's idle task, which has the pid 0 (init_idle(), kernel/sched/core.c). A kernel for
// one CPU leaves out its number.
bool is_idle(const std::string& comm) { return comm == "swapper" || comm.starts_with("swapper/"); }

// Returns the only offset at which all tasks but the idle ones have a valid {pid, tgid}. Returns nothing if there is
// none, or several.
std::optional<std::size_t> find_pid(const std::vector<TaskStruct>& tasks,
                                    const std::map<std::uint64_t, std::string>& known, std::size_t before) {
    constexpr std::uint32_t agent = 1;
    const auto fits = [&](std::size_t at) {
        return std::ranges::all_of(tasks, [&](const TaskStruct& seen) {
            if (is_idle(comm_at(seen.bytes, before))) return true;
            const std::uint32_t pid = word_at(seen.bytes, at);
            const std::uint32_t tgid = word_at(seen.bytes, at + 4);
            const bool fits_group = tgid == agent || (tgid == pid && !known.contains(seen.task));
            return pid > 1 && pid < kMostPids && fits_group && parents_follow(seen.bytes, at);
        });
    };
    std::optional<std::size_t> found;
    for (std::size_t at = 0; at + 8 <= before; at += 8) {
        if (!fits(at)) continue;
        if (found) return std::nullopt;
        found = at;
    }
    return found;
}

}  // namespace

std::string TaskName::text() const { return pid > 0 ? fmt::format("{}, pid {}", comm, pid) : comm; }

std::map<std::uint64_t, TaskName> name_tasks(const std::map<std::uint64_t, TaskStruct>& owners,
                                             const std::map<std::uint64_t, std::string>& known) {
    std::vector<TaskStruct> tasks;
    for (const auto& [owner, seen] : owners)
        if (!seen.bytes.empty() && seen.task != owner) tasks.push_back(seen);
    std::map<std::uint64_t, TaskName> names;
    const auto comm = find_comm(tasks, known);
    if (!comm) return names;
    const auto pid = find_pid(tasks, known, *comm);
    for (const auto& [task, bytes, stack_at] : tasks)
        names[task] = {comm_at(bytes, *comm), pid ? static_cast<int>(word_at(bytes, *pid)) : -1};
    return names;
}

}  // namespace memrig
