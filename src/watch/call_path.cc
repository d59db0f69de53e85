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

Result<CallPaths::Word> CallPaths::judge(Probe& probe, unsigned vcpu, std::uint64_t address) {
    const Symbol* symbol = symbols_.containing(address);
    if (symbol == nullptr || !is_code(symbol->type) || address == symbol->address ||
        address - symbol->address > kLongestFunction)
        return Word();
    if (const auto known = judged_.find(address); known != judged_.end()) return known->second;
    const Architecture& arch = probe.architecture();
    const auto code = probe.read_memory(vcpu, address - arch.longest_call, arch.longest_call);
    if (!code && code.error().fault != Fault::guest) return std::unexpected(code.error());
    Word word;
    if (code && arch.ends_in_call(*code)) word = {true, arch.call_target(*code, address)};
    judged_.emplace(address, word);
    return word;
}

Result<std::vector<std::uint64_t>> CallPaths::words(Probe& probe, unsigned vcpu, std::uint64_t from) {
    const std::uint64_t stack_bytes = kernel_stack_bytes(symbols_, probe.architecture());
    const std::uint64_t stack_end = (from & ~(stack_bytes - 1)) + stack_bytes;
    const auto size =
        static_cast<std::size_t>(std::min<std::uint64_t>(kStackChunk, stack_end - from)) & ~std::size_t{7};
    MEMRIG_TRY(const std::string stack, probe.read_memory(vcpu, from, size));
    std::vector<std::uint64_t> words;
    for (std::size_t at = 0; at + 8 <= stack.size(); at += 8)
        words.push_back(little_endian(std::string_view(stack).substr(at)));
    return words;
}

Result<std::vector<std::string>> CallPaths::read(Probe& probe, const Arrival& arrival, std::size_t depth) {
    MEMRIG_TRY(const auto callers, addresses(probe, arrival, depth));
    std::vector<std::string> path;
    for (const auto caller : callers) path.push_back(symbols_.describe(caller));
    return path;
}

Result<std::vector<std::uint64_t>> CallPaths::addresses(Probe& probe, const Arrival& arrival, std::size_t depth) {
    MEMRIG_ASSERT(depth > 0, "the depth of a call path is at least 1");
    MEMRIG_TRY(const auto stack, words(probe, arrival.vcpu, arrival.registers.sp()));
    std::vector<std::uint64_t> path;
    for (std::size_t at = 0; at < stack.size() && path.size() < depth; at++) {
        MEMRIG_TRY(const Word word, judge(probe, arrival.vcpu, stack[at]));
        if (word.is_return) path.push_back(stack[at]);
    }
    return path;
}

Result<std::vector<std::string>> CallPaths::read_caller(Probe& probe, unsigned vcpu, std::uint64_t from,
                                                        const std::function<bool(std::string_view)>& is_own,
                                                        std::size_t depth) {
    MEMRIG_ASSERT(depth > 0, "the depth of a call path is at least 1");
    MEMRIG_TRY(const auto stack, words(probe, vcpu, from));
    std::vector<std::string> path;
    for (std::size_t at = 0; at < stack.size() && path.size() < depth; at++) {
        MEMRIG_TRY(const Word word, judge(probe, vcpu, stack[at]));
        const bool enters =
            word.target && is_own(symbols_.function(*word.target)) && !is_own(symbols_.function(stack[at]));
        if (word.is_return && (!path.empty() || enters)) path.push_back(symbols_.describe(stack[at]));
    }
    return path;
}

}  // namespace memrig
