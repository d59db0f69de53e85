#include "hotplug/xen_balloon.h"

#include <charconv>
#include <cstdio>

#include "base/lines.h"

namespace memrig {

std::optional<std::uint64_t> first_gap(std::string_view iomem, std::uint64_t bytes, std::uint64_t section_bytes) {
    std::uint64_t from = 0;
    for (std::string_view rest = iomem; !rest.empty();) {
        const std::string line(next_line(rest));
        unsigned long long first = 0, last = 0;
        // A line that begins with a space is a part of the resource above it.
        if (line.starts_with(' ') || std::sscanf(line.c_str(), "%llx-%llx", &first, &last) != 2) continue;
        if (from <= first && first - from >= bytes) return from;
        const std::uint64_t next = (last / section_bytes + 1) * section_bytes;
        from = std::max(from, next);
    }
    return from == 0 ? std::nullopt : std::optional(from);
}

Result<BalloonRequest> ask_xen_balloon(GuestLink& agent, std::uint64_t bytes, std::uint64_t block_bytes,
                                       Deadline deadline) {
    if (block_bytes == 0 || bytes == 0 || bytes % block_bytes != 0)
        return fail(Fault::user_input, "{} bytes are no whole number of blocks of {} bytes", bytes, block_bytes);
    MEMRIG_TRY(const std::string target, agent.read_guest_file(kXenBalloonTarget, deadline));
    std::uint64_t kilobytes = 0;
    if (std::from_chars(target.data(), target.data() + target.size(), kilobytes).ec != std::errc())
        return fail(Fault::guest, "{} is no number: '{}'", kXenBalloonTarget, target);
    MEMRIG_TRY(const std::string iomem, agent.read_guest_file("/proc/iomem", deadline));
    const auto address = first_gap(iomem, bytes, block_bytes);
    if (!address) return fail(Fault::guest, "/proc/iomem has no gap of {} bytes", bytes);
    const std::uint64_t first = *address / block_bytes;
    return BalloonRequest{std::to_string(kilobytes + bytes / 1024), {first, first + bytes / block_bytes - 1}};
}

}  // namespace memrig
