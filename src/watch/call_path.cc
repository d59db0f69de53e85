#include "watch/call_path.h"

#include <algorithm>

#include "base/assert.h"
#include "probe/kernel_objects.h"
#include "probe/packet.h"

namespace memrig {

namespace {

constexpr std::size_t kStackChunk = 1024;  // bytes: the few innermost frames
constexpr std::size_t kWholeStack = 64 * 1024;
constexpr std::size_t kLongestFrame = 96;  // words
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

Result<std::vector<std::uint64_t>> CallPaths::words(Probe& probe, unsigned vcpu, std::uint64_t from, std::size_t most) {
    const std::uint64_t stack_bytes = kernel_stack_bytes(symbols_, probe.architecture());
    const std::uint64_t stack_end = (from & ~(stack_bytes - 1)) + stack_bytes;
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(most, stack_end - from)) & ~std::size_t{7};
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
    MEMRIG_TRY(const auto stack, words(probe, arrival.vcpu, arrival.registers.sp(), kStackChunk));
    std::vector<std::uint64_t> path;
    for (std::size_t at = 0; at < stack.size() && path.size() < depth; at++) {
        MEMRIG_TRY(const Word word, judge(probe, arrival.vcpu, stack[at]));
        if (word.is_return) path.push_back(stack[at]);
    }
    return path;
}

// A direct call of the function is its caller. Where there is none, an indirect call may be, or what jumped to the
// function was called itself.
Result<std::optional<std::size_t>> CallPaths::caller_of(Probe& probe, unsigned vcpu,
                                                        const std::vector<std::uint64_t>& stack, std::size_t begin,
                                                        std::string_view function) {
    constexpr std::string_view thunk = "__x86_indirect_thunk";
    std::optional<std::size_t> indirect;
    for (std::size_t at = begin; at < stack.size() && at < begin + kLongestFrame; at++) {
        MEMRIG_TRY(const Word word, judge(probe, vcpu, stack[at]));
        if (!word.is_return) continue;
        const std::string_view callee = word.target ? symbols_.function(*word.target) : "";
        if (callee == function) return at;
        if (!indirect && (callee.empty() || callee.starts_with(thunk))) indirect = at;
    }
    return indirect;
}

Result<std::vector<std::uint64_t>> CallPaths::chain(Conductor& conductor, const Arrival& entry, std::size_t depth,
                                                    const std::function<bool(std::string_view)>& is_last) {
    MEMRIG_ASSERT(depth > 0, "the depth of a call path is at least 1");
    Probe& probe = conductor.probe();
    MEMRIG_TRY(const std::uint64_t back, conductor.return_address(entry));
    MEMRIG_TRY(const auto stack, words(probe, entry.vcpu, entry.registers.sp(), kWholeStack));
    std::vector<std::uint64_t> callers = {back};
    std::size_t at = probe.architecture().link.empty() ? 1 : 0;
    while (callers.size() < depth && !is_last(symbols_.function(callers.back()))) {
        MEMRIG_TRY(const auto next, caller_of(probe, entry.vcpu, stack, at, symbols_.function(callers.back())));
        if (!next) break;
        callers.push_back(stack[*next]);
        at = *next + 1;
    }
    return callers;
}

Result<std::vector<std::string>> CallPaths::read_caller(Probe& probe, unsigned vcpu, std::uint64_t from,
                                                        const std::function<bool(std::string_view)>& is_own,
                                                        std::size_t depth) {
    MEMRIG_ASSERT(depth > 0, "the depth of a call path is at least 1");
    MEMRIG_TRY(const auto stack, words(probe, vcpu, from, kStackChunk));
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
