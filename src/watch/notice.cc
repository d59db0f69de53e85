#include "watch/notice.h"

#include <array>

namespace memrig {

namespace {

// The notices of include/linux/memory.h in ascending order, which is the same for the bits and for the numbers.
constexpr std::array kInOrder = {Notice::online,         Notice::going_offline, Notice::offline,
                                 Notice::going_online,   Notice::cancel_online, Notice::cancel_offline,
                                 Notice::prepare_online, Notice::finish_offline};

std::int32_t low_int(std::uint64_t word) { return static_cast<std::int32_t>(word); }
std::int32_t high_int(std::uint64_t word) { return static_cast<std::int32_t>(word >> 32); }

}  // namespace

const char* to_string(Notice notice) {
    switch (notice) {
        case Notice::going_online: return "MEM_GOING_ONLINE";
        case Notice::online: return "MEM_ONLINE";
        case Notice::cancel_online: return "MEM_CANCEL_ONLINE";
        case Notice::going_offline: return "MEM_GOING_OFFLINE";
        case Notice::offline: return "MEM_OFFLINE";
        case Notice::cancel_offline: return "MEM_CANCEL_OFFLINE";
        case Notice::prepare_online: return "MEM_PREPARE_ONLINE";
        case Notice::finish_offline: return "MEM_FINISH_OFFLINE";
        case Notice::other: break;
    }
    return "another notice";
}

std::optional<Notice> parse_notice(const std::string& text) {
    for (const Notice notice : kInOrder)
        if (text == to_string(notice)) return notice;
    return std::nullopt;
}

Notice NoticeNumbers::meaning(std::uint64_t action) {
    // A plain online begins with MEM_GOING_ONLINE (3, or bit 3) or, since v6.8, MEM_PREPARE_ONLINE (6, or bit 6).
    if (!counted_ && (action == 3 || action == 6)) counted_ = true;
    if (!counted_ && (action == 1u << 3 || action == 1u << 6)) counted_ = false;
    if (!counted_) return Notice::other;
    for (std::size_t i = 0; i < kInOrder.size(); i++)
        if (action == (*counted_ ? i : std::uint64_t{1} << i)) return kInOrder.at(i);
    return Notice::other;
}

std::optional<NoticeFields> read_notice(const std::vector<std::uint64_t>& words, std::uint64_t first,
                                        std::uint64_t pages, bool memmap_on_memory) {
    if (words.size() < kNoticeWords) return std::nullopt;
    const auto fits = [&](std::uint64_t start, std::uint64_t count) {
        const bool begins = memmap_on_memory ? start > first && start - first < pages : start == first;
        return begins && count == pages - (start - first);
    };
    // online_pages() does not fill in the place of the memmap: the first two words hold whatever stood there before.
    if (fits(words[2], words[3])) return NoticeFields{words[2], words[3], low_int(words[4]), high_int(words[4])};
    if (fits(words[0], words[1])) return NoticeFields{words[0], words[1], low_int(words[2]), high_int(words[2])};
    return std::nullopt;
}

}  // namespace memrig
