// What the agent sends, checked and made into the types of guest_link.h. All errors are Fault::guest.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "guest/guest_link.h"

namespace memrig {

inline constexpr std::size_t kMaxReply = 32u << 20;  // of one reply, all its parts, inflated
inline constexpr std::size_t kMaxGuestFile = 1u << 20;

// The status that ends a reply: nothing, or what the guest could not do, and its errno.
Status parse_status(std::string_view payload);

Result<AgentHello> parse_hello(std::string_view payload);
Result<std::vector<GuestSymbol>> parse_symbols(std::string_view lines);
Result<std::vector<MemoryBlock>> parse_blocks(std::string_view lines);
Result<MemoryFigures> parse_memory(std::string_view lines);
// By name; those of several caches of one name are added up.
Result<std::map<std::string, std::uint64_t>> parse_slabs(std::string_view lines);
Result<std::vector<BlockedTask>> parse_blocked_tasks(std::string_view lines);
Result<Doorbell> parse_doorbell(std::string_view lines);
// Its page frame.
Result<std::uint64_t> parse_pinned_page(std::string_view lines);
Result<std::string> parse_file(std::string_view lines);
// The write that an event tells of; `seen` is left for the caller.
Result<WriterReport> parse_write_event(std::string_view payload);

// The text of a reply that came as deflated parts, put together.
Result<std::string> inflate_reply(std::string_view stuffed);

}  // namespace memrig
