#include "watch/owner_tasks.h"

#include <string_view>

#include "base/assert.h"
#include "probe/packet.h"

namespace memrig {

namespace {
// The part of a task_struct that is searched for `stack`, in bytes. POWER has 256 bytes of thread_info before it.
constexpr std::uint64_t kStackWithin = 512;
}  // namespace

bool OwnerTasks::is_stack(std::uint64_t word) const {
    return (word & (conductor_.stack_bytes() - 1)) == 0 && word >> 60 >= 0xc;
}

Result<std::uint64_t> OwnerTasks::task_of(std::uint64_t owner, unsigned vcpu) {
    if (const auto known = tasks_.find(owner); known != tasks_.end()) return known->second.task;
    auto bytes = conductor_.probe().read_memory(vcpu, owner, kTaskStructBytes);
    if (!bytes && bytes.error().fault != Fault::guest) return std::unexpected(bytes.error());
    TaskStruct seen{owner, bytes.value_or("")};
    for (std::size_t at = 0; at < kStackWithin && !seen.bytes.empty() && seen.task == owner; at += 8) {
        const auto word = little_endian(std::string_view(seen.bytes).substr(at, 8));
        if (!is_stack(word) || at != stack_at_.value_or(at)) continue;
        seen.task = word;
        seen.stack_at = at;
    }
    return tasks_.emplace(owner, std::move(seen)).first->second.task;
}

Result<std::uint64_t> OwnerTasks::taker_of(std::uint64_t owner, unsigned vcpu) {
    const auto known = tasks_.find(owner);
    const std::uint64_t at = known == tasks_.end()         ? 0
                             : known->second.stack_at != 0 ? known->second.stack_at
                                                           : stack_at_.value_or(0);
    if (at != 0) {
        MEMRIG_TRY(const std::uint64_t stack, conductor_.probe().read_u64(vcpu, owner + at));
        if (stack != known->second.task && is_stack(stack)) tasks_.erase(known);
    }
    return task_of(owner, vcpu);
}

void OwnerTasks::note(std::uint64_t owner, std::uint64_t task) {
    const auto known = tasks_.find(owner);
    MEMRIG_ASSERT(known != tasks_.end(), "the owner was asked for");
    known->second.task = task;
}

}  // namespace memrig
