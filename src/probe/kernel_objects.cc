#include "probe/kernel_objects.h"

#include <bit>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "probe/packet.h"

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

namespace {

// The limits of THREAD_SIZE in bytes: i386 once had 8 KiB, arm64 with 64 KiB pages and KASAN has 128 KiB.
constexpr std::uint64_t kLeastStack = std::uint64_t{8} << 10;
constexpr std::uint64_t kMostStack = std::uint64_t{1} << 20;

struct FirstStack {
    std::uint64_t told = 0;   // the size by the first pair of symbols that exists; 0 if there is none
    std::uint64_t bytes = 0;  // the first of these sizes that can be right; 0 if there is none
};

FirstStack first_stack(const SymbolTable& symbols) {
    constexpr std::array ends = {std::pair("__start_init_stack", "__end_init_stack"),
                                 std::pair("__start_init_task", "__end_init_task")};
    FirstStack found;
    for (const auto& [first, last] : ends) {
        const auto begin = symbols.unique(first);
        const auto end = symbols.unique(last);
        if (!begin || !end) continue;
        const std::uint64_t bytes = *end - *begin;
        if (found.told == 0) found.told = bytes;
        if (found.bytes == 0 && std::has_single_bit(bytes) && bytes >= kLeastStack && bytes <= kMostStack)
            found.bytes = bytes;
    }
    return found;
}

}  // namespace

Result<bool> is_task(Probe& probe, unsigned vcpu, std::uint64_t task_struct, std::uint64_t stack) {
    // `stack` lies in the first bytes: POWER has 256 of thread_info before it.
    constexpr std::size_t head_bytes = 512;
    if (!is_kernel_address(task_struct)) return false;
    const auto head = probe.read_memory(vcpu, task_struct, head_bytes);
    if (!head && head.error().fault != Fault::guest) return std::unexpected(head.error());
    for (std::size_t at = 0; head && at + 8 <= head->size(); at += 8)
        if (little_endian(std::string_view(*head).substr(at, 8)) == stack) return true;
    return false;
}

std::uint64_t kernel_stack_bytes(const SymbolTable& symbols, const Architecture& architecture) {
    MEMRIG_ASSERT(std::has_single_bit(architecture.kernel_stack_bytes), "the size of a kernel stack is a power of two");
    if (const std::string gap = kernel_stack_gap(symbols, architecture); !gap.empty())
        logger(LogLayer::probe).info("{}", gap);
    const FirstStack found = first_stack(symbols);
    return found.bytes == 0 ? architecture.kernel_stack_bytes : found.bytes;
}

std::string kernel_stack_gap(const SymbolTable& symbols, const Architecture& architecture) {
    const FirstStack found = first_stack(symbols);
    if (found.bytes != 0) return {};
    if (found.told == 0)
        return fmt::format("no symbol tells the size of a kernel stack: taken as {} bytes",
                           architecture.kernel_stack_bytes);
    return fmt::format("the first task's stack has {} bytes, which is no size of a stack: taken as {}", found.told,
                       architecture.kernel_stack_bytes);
}

namespace {

constexpr std::size_t kVmcoreinfoBytes = 4096;  // VMCOREINFO_BYTES is a page, include/linux/vmcore_info.h
constexpr std::uint64_t kLargestPageStruct = 4096;

// The number behind `key` at the beginning of a line; 0 if there is none.
std::uint64_t number_behind(std::string_view text, std::string_view key) {
    const std::size_t at = text.starts_with(key) ? 0 : text.find("\n" + std::string(key));
    if (at == std::string_view::npos) return 0;
    text.remove_prefix(at + key.size() + (at == 0 ? 0 : 1));
    std::uint64_t number = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool whole = code == std::errc() && end != text.data() + text.size() && *end == '\n';
    return whole ? number : 0;
}

}  // namespace

Result<std::uint64_t> page_struct_bytes(Probe& probe, unsigned vcpu, const SymbolTable& symbols) {
    const auto data = symbols.unique("vmcoreinfo_data");
    if (!data) return 0;
    const auto unknown = [](const Error& error) {
        return error.fault == Fault::guest ? Result<std::uint64_t>(0) : std::unexpected(error);
    };
    const auto at = probe.read_u64(vcpu, *data);
    if (!at) return unknown(at.error());
    if (!is_kernel_pointer(*at)) return 0;
    const auto text = probe.read_memory(vcpu, *at, kVmcoreinfoBytes);
    if (!text) return unknown(text.error());
    const std::uint64_t bytes = number_behind(*text, "SIZE(page)=");
    return bytes <= kLargestPageStruct ? bytes : 0;
}

Result<std::string> read_btf(Probe& probe, const SymbolTable& symbols) {
    constexpr std::uint64_t chunk = 1u << 20;
    constexpr std::uint64_t most = 64u << 20;
    const auto begin = symbols.unique("__start_BTF");
    const auto end = symbols.unique("__stop_BTF");
    std::string btf;
    if (!begin || !end || *begin >= *end || *end - *begin > most) return btf;
    for (std::uint64_t at = *begin; at < *end; at += chunk) {
        MEMRIG_TRY(const std::string part, probe.read_memory(0, at, std::min(chunk, *end - at)));
        btf += part;
    }
    return btf;
}

}  // namespace memrig
