#include "probe/kernel_objects.h"

#include <bit>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/assert.h"

namespace memrig {

namespace {

constexpr std::size_t kLongestName = 32;

bool is_kernel_pointer(std::uint64_t value) { return value >> 48 == 0xffff || value >> 60 == 0xc; }

std::string printable_prefix(const std::string& bytes) {
    std::string text;
    for (const char c : bytes) {
        if (c < 0x21 || c > 0x7e) return c == '\0' ? text : std::string();
        text += c;
    }
    return {};
}

}  // namespace

Result<std::string> device_name(Probe& probe, unsigned vcpu, std::uint64_t device) {
    constexpr std::array<std::uint64_t, 2> places = {0, 16};
    for (const auto offset : places) {
        MEMRIG_TRY(const std::uint64_t pointer, probe.read_u64(vcpu, device + offset));
        if (!is_kernel_pointer(pointer)) continue;
        const auto bytes = probe.read_memory(vcpu, pointer, kLongestName);
        if (!bytes && bytes.error().fault != Fault::guest) return std::unexpected(bytes.error());
        const std::string name = bytes ? printable_prefix(*bytes) : std::string();
        if (!name.empty()) return name;
    }
    return std::string();
}

Result<std::optional<std::uint64_t>> memory_block_of(Probe& probe, unsigned vcpu, std::uint64_t device) {
    MEMRIG_TRY(const std::string name, device_name(probe, vcpu, device));
    constexpr std::string_view prefix = "memory";
    std::uint64_t block = 0;
    if (!name.starts_with(prefix)) return std::nullopt;
    const char* end = name.data() + name.size();
    const auto [stop, code] = std::from_chars(name.data() + prefix.size(), end, block);
    if (code != std::errc() || stop != end) return std::nullopt;
    return block;
}

std::uint64_t kernel_stack_bytes(const SymbolTable& symbols, const Architecture& architecture) {
    const auto begin = symbols.unique("__start_init_stack");
    const auto end = symbols.unique("__end_init_stack");
    MEMRIG_ASSERT(std::has_single_bit(architecture.kernel_stack_bytes), "the size of a kernel stack is a power of two");
    return begin && end && *begin < *end && std::has_single_bit(*end - *begin) ? *end - *begin
                                                                               : architecture.kernel_stack_bytes;
}

}  // namespace memrig
