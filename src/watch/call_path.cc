#include "watch/call_path.h"

#include <algorithm>

#include "base/assert.h"
#include "probe/kernel_objects.h"
#include "probe/packet.h"

namespace memrig {

namespace {

constexpr std::size_t kStackChunk = 1024;  // bytes: the few innermost frames
constexpr std::uint64_t kLongestFunction = 1 << 20;

bool is_code(char type) { return type == 't' || type == 'T' || type == 'w' || type == 'W'; }

}  // namespace

Result<bool> CallPaths::is_return_address(Probe& probe, unsigned vcpu, std::uint64_t address) {
    const Symbol* symbol = symbols_.containing(address);
    if (symbol == nullptr || !is_code(symbol->type) || address == symbol->address ||
        address - symbol->address > kLongestFunction)
        return false;
    if (const auto known = judged_.find(address); known != judged_.end()) return known->second;
    const Architecture& arch = probe.architecture();
    const auto code = probe.read_memory(vcpu, address - arch.longest_call, arch.longest_call);
    if (!code && code.error().fault != Fault::guest) return std::unexpected(code.error());
    const bool is_return = code && arch.ends_in_call(*code);
    judged_.emplace(address, is_return);
    return is_return;
}

Result<std::vector<std::string>> CallPaths::read(Probe& probe, const Arrival& arrival, std::size_t depth) {
    MEMRIG_TRY(const auto callers, addresses(probe, arrival, depth));
    std::vector<std::string> path;
    for (const auto caller : callers) path.push_back(symbols_.describe(caller));
    return path;
}

Result<std::vector<std::uint64_t>> CallPaths::addresses(Probe& probe, const Arrival& arrival, std::size_t depth) {
    MEMRIG_ASSERT(depth > 0, "the depth of a call path is at least 1");
    const std::uint64_t sp = arrival.registers.sp();
    const std::uint64_t stack_end = arrival.task + kernel_stack_bytes(symbols_, probe.architecture());
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(kStackChunk, stack_end - sp)) & ~std::size_t{7};
    MEMRIG_TRY(const std::string stack, probe.read_memory(arrival.vcpu, sp, size));
    std::vector<std::uint64_t> path;
    for (std::size_t at = 0; at + 8 <= stack.size() && path.size() < depth; at += 8) {
        const std::uint64_t word = little_endian(std::string_view(stack).substr(at));
        MEMRIG_TRY(const bool is_return, is_return_address(probe, arrival.vcpu, word));
        if (is_return) path.push_back(word);
    }
    return path;
}

}  // namespace memrig
