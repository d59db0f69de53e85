// Parses the output of lockdep: the headlines of its reports, dependency chains, and the locks that tasks hold.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "console/report.h"

namespace memrig::console {

// True if the line is lockdep's, such as "WARNING: possible circular locking dependency detected" or, before 4.11,
// "[ INFO: possible circular locking dependency detected ]".
bool is_lockdep_headline(std::string_view text);

// The function in which a lock was taken, from "..., at: func+0x1/0x2". Empty if the line names none.
std::string_view taken_at(std::string_view text);

// The task that a report is about, from "init/1 is trying to acquire lock:" and similar lines.
struct ActingTask {
    std::string_view comm;
    int pid = -1;
};
std::optional<ActingTask> acting_task(std::string_view text);

// Reads the chain that follows "the existing dependency chain (in reverse order) is:" (print_circular_bug()).
class ChainReader {
public:
    // Returns whether the line is part of the chain.
    bool feed(std::string_view text);
    std::vector<LockChainLink> take() { return std::move(links_); }

private:
    std::vector<LockChainLink> links_;
    bool in_link_ = false;
};

// True if the line has only '=' characters. Such a line closes the reports of lockdep and of the sanitizers.
bool is_double_rule(std::string_view text);

// Reads the lists of held locks: after "Showing all locks held in the system:" (debug_show_all_locks()), and the list
// of one task in a report.
class HeldLockReader {
public:
    static bool begins(std::string_view text) { return text.starts_with("Showing all locks held in the system:"); }

    // Returns the lock if the line names one.
    std::optional<HeldLockDump> feed(std::string_view text);
    [[nodiscard]] bool done() const { return done_; }

private:
    std::string comm_;
    int pid_ = -1;
    bool owned_ = false;
    bool done_ = false;
};

}  // namespace memrig::console
