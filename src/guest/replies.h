// Checks the agent's replies and converts them to the types of guest_link.h. All errors are Fault::guest,
// except that inflate_reply() fails with Fault::rig if zlib does not start.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "guest/guest_link.h"

namespace memrig {

inline constexpr std::size_t kMaxReply = 32u << 20;  // bytes of one reply: all its parts, inflated
inline constexpr std::size_t kMaxGuestFile = 1u << 20;

// Parses the status that ends a reply. An error names what the guest could not do, and its errno.
Status parse_status(std::string_view payload);

Result<AgentHello> parse_hello(std::string_view payload);
Result<std::vector<GuestSymbol>> parse_symbols(std::string_view lines);
Result<std::vector<MemoryBlock>> parse_blocks(std::string_view lines);
Result<MemoryFigures> parse_memory(std::string_view lines);
// Objects by cache name; the counts of caches of the same name are added up.
Result<std::map<std::string, std::uint64_t>> parse_slabs(std::string_view lines);
// The line with the times of the look comes last. A list without it is not complete.
Result<BlockedTasks> parse_blocked_tasks(std::string_view lines);
Result<PassedTime> parse_passed_time(std::string_view lines);
Result<Doorbell> parse_doorbell(std::string_view lines);
// The page frame number.
Result<std::uint64_t> parse_pinned_page(std::string_view lines);
// The number of pages.
Result<std::uint64_t> parse_filled_pages(std::string_view lines);
Result<std::string> parse_file(std::string_view lines);
// The write that an event reports. The caller sets `seen`.
Result<WriterReport> parse_write_event(std::string_view payload);

// Inflates the deflated parts of a reply, after they have been put together.
Result<std::string> inflate_reply(std::string_view stuffed);

}  // namespace memrig
