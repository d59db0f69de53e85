// Learns which task, as memrig tells tasks apart by their kernel stacks, a task_struct is of.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/error.h"
#include "probe/conductor.h"
#include "watch/task_names.h"

namespace memrig {

// The conductor must outlive it. Used on the conductor's thread, while the guest is stopped.
class OwnerTasks {
public:
    explicit OwnerTasks(Conductor& conductor) : conductor_(conductor) {}

    // Returns the task (kernel stack) of an owner (task_struct), which is the task_struct's `stack` member. This member
    // is the first pointer in it that is aligned like a stack (include/linux/sched.h: behind thread_info and the
    // state). If there is none, returns the owner itself.
    Result<std::uint64_t> task_of(std::uint64_t owner, unsigned vcpu);
    // Returns the task of an owner that has just taken a lock. An earlier task may have had the same task_struct and
    // have ended since, so this checks what task_of() remembers. A task that has ended since has no stack any more
    // (release_task_stack(), kernel/fork.c): it is the one that is remembered.
    Result<std::uint64_t> taker_of(std::uint64_t owner, unsigned vcpu);
    // Says where a task_struct has its `stack`, in bytes, for all owners that were not asked for yet.
    void learn_stack_at(std::uint64_t offset) { stack_at_ = offset; }
    // Notes the task of an owner whose task_struct did not tell it. REQUIRES: task_of() was called for it.
    void note(std::uint64_t owner, std::uint64_t task);
    // Returns each owner that was asked for, as it was then, by the address of its task_struct. It may have ended.
    [[nodiscard]] const std::map<std::uint64_t, TaskStruct>& all() const { return tasks_; }

private:
    [[nodiscard]] bool is_stack(std::uint64_t word) const;

    Conductor& conductor_;
    std::optional<std::uint64_t> stack_at_;
    std::map<std::uint64_t, TaskStruct> tasks_;
};

}  // namespace memrig
