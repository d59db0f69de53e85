// What the kernel's lock validator prints: its reports' headlines and the locks that tasks hold.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "console/report.h"

namespace memrig::console {

// "WARNING: possible circular locking dependency detected" and its kin, of today and of before 4.11
// ("[ INFO: possible circular locking dependency detected ]").
bool is_lockdep_headline(std::string_view text);

// The function in which a report says that a lock is taken: of "..., at: func+0x1/0x2". Empty where the line has none.
std::string_view taken_at(std::string_view text);

// The task that a report is about: of "init/1 is trying to acquire lock:" and the like.
struct ActingTask {
    std::string_view comm;
    int pid = -1;
};
std::optional<ActingTask> acting_task(std::string_view text);

// Reads the chain of "the existing dependency chain (in reverse order) is:" (print_circular_bug()).
class ChainReader {
public:
    // Whether the line is part of it.
    bool feed(std::string_view text);
    std::vector<LockChainLink> take() { return std::move(links_); }

private:
    std::vector<LockChainLink> links_;
    bool in_link_ = false;
};

// A line of '=' only, as it closes lockdep's and the sanitizers' reports.
bool is_double_rule(std::string_view text);

// Reads what follows "Showing all locks held in the system:" (debug_show_all_locks()), and the list of one task in a report.
class HeldLockReader {
public:
    static bool begins(std::string_view text) { return text.starts_with("Showing all locks held in the system:"); }

    // The lock of a line that names one.
    std::optional<HeldLockDump> feed(std::string_view text);
    [[nodiscard]] bool done() const { return done_; }

private:
    std::string comm_;
    int pid_ = -1;
    bool owned_ = false;
    bool done_ = false;
};

}  // namespace memrig::console
