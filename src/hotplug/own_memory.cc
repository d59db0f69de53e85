#include "hotplug/own_memory.h"

#include <charconv>

namespace memrig {

namespace {

constexpr std::uint64_t kMostBlocks = 4096;

// Reads a number from a file of the guest, such as "0x20000000\n" or "268435456\n".
Result<std::uint64_t> read_number(GuestLink& agent, const char* path, Deadline deadline) {
    MEMRIG_TRY(const std::string text, agent.read_guest_file(path, deadline));
    const bool hexadecimal = text.starts_with("0x");
    const char* const begin = text.data() + (hexadecimal ? 2 : 0);
    std::uint64_t number = 0;
    if (std::from_chars(begin, text.data() + text.size(), number, hexadecimal ? 16 : 10).ec != std::errc())
        return fail(Fault::guest, "{} is not a number: '{}'", path, text);
    return number;
}

}  // namespace

Result<BlockRange> find_own_memory(GuestLink& agent, const OwnMemory& memory, std::uint64_t block_bytes,
                                   Deadline deadline) {
    MEMRIG_TRY(const std::uint64_t address, read_number(agent, memory.address_file, deadline));
    MEMRIG_TRY(const std::uint64_t bytes, read_number(agent, memory.size_file, deadline));
    if (block_bytes == 0 || bytes == 0 || address % block_bytes != 0 || bytes % block_bytes != 0)
        return fail(Fault::user_input, "{} has {} bytes at {:#x}, which is not a whole number of blocks of {} bytes",
                    memory.name, bytes, address, block_bytes);
    if (bytes / block_bytes > kMostBlocks)
        return fail(Fault::guest, "{} has {} bytes: more than {} blocks", memory.name, bytes, kMostBlocks);
    return BlockRange{address / block_bytes, (address + bytes) / block_bytes - 1};
}

}  // namespace memrig
