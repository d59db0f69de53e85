#include "watch/owner_tasks.h"

#include <string_view>

#include "base/assert.h"
#include "probe/packet.h"

namespace memrig {

namespace {
// The part of a task_struct that is searched for `stack`, in bytes. POWER has 256 bytes of thread_info before it.
constexpr std::uint64_t kStackWithin = 512;
}  // namespace

Result<std::uint64_t> OwnerTasks::task_of(std::uint64_t owner, unsigned vcpu) {
    if (const auto known = tasks_.find(owner); known != tasks_.end()) return known->second.task;
    const std::uint64_t offset_bits = conductor_.stack_bytes() - 1;
    auto bytes = conductor_.probe().read_memory(vcpu, owner, kTaskStructBytes);
    if (!bytes && bytes.error().fault != Fault::guest) return std::unexpected(bytes.error());
    const auto is_stack = [&](std::uint64_t word) { return (word & offset_bits) == 0 && word >> 60 >= 0xc; };
    TaskStruct seen{owner, bytes.value_or("")};
    for (std::size_t at = 0; at < kStackWithin && !seen.bytes.empty() && seen.task == owner; at += 8) {
        const auto word = little_endian(std::string_view(seen.bytes).substr(at, 8));
        if (!is_stack(word)) continue;
        seen.task = word;
        seen.stack_at = at;
    }
    return tasks_.emplace(owner, std::move(seen)).first->second.task;
}

Result<std::uint64_t> OwnerTasks::taker_of(std::uint64_t owner, unsigned vcpu) {
    if (const auto known = tasks_.find(owner); known != tasks_.end() && known->second.stack_at != 0) {
        MEMRIG_TRY(const std::uint64_t stack, conductor_.probe().read_u64(vcpu, owner + known->second.stack_at));
        if (stack != known->second.task) tasks_.erase(known);
    }
    return task_of(owner, vcpu);
}

void OwnerTasks::note(std::uint64_t owner, std::uint64_t task) {
    const auto known = tasks_.find(owner);
    MEMRIG_ASSERT(known != tasks_.end(), "the owner was asked for");
    known->second.task = task;
}

}  // namespace memrig
