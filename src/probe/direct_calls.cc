#include "probe/direct_calls.h"

#include <algorithm>
#include <optional>

#include "probe/architecture.h"

namespace memrig {

namespace {

constexpr std::uint64_t kLongestCode = 16384;
constexpr std::size_t kShortestCall = 4;
constexpr std::uint64_t kLocalEntry = 8;  // of most functions on ppc64le

bool is_code(char type) { return type == 't' || type == 'T' || type == 'w' || type == 'W'; }

// The call that ends at `back` in the code.
std::optional<DirectCall> call_that_ends_at(const Architecture& arch, std::string_view code, std::size_t back,
                                            std::uint64_t function) {
    for (std::size_t length = kShortestCall; length <= std::min<std::size_t>(arch.longest_call, back); length++)
        if (const auto target = arch.call_target(code.substr(back - length, length), function + back))
            return DirectCall{function + back - length, function + back, *target};
    return std::nullopt;
}

}  // namespace

Result<std::vector<DirectCall>> direct_calls(Probe& probe, const SymbolTable& symbols, std::uint64_t function) {
    const Architecture& arch = probe.architecture();
    std::vector<DirectCall> calls;
    const auto code = probe.read_memory(0, function, std::min(symbols.end_of(function) - function, kLongestCode));
    if (!code && code.error().fault == Fault::guest) return calls;
    MEMRIG_CHECK(code);
    for (std::size_t back = kShortestCall; back <= code->size(); back++) {
        const auto call = call_that_ends_at(arch, *code, back, function);
        const Symbol* symbol = call ? symbols.containing(call->target) : nullptr;
        if (symbol == nullptr || !is_code(symbol->type)) continue;
        // Bytes that only look like a call go to no function's entry.
        const std::uint64_t offset = call->target - symbol->address;
        if (offset == 0 || offset == kLocalEntry) calls.push_back(*call);
    }
    return calls;
}

}  // namespace memrig
