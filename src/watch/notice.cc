#include "watch/notice.h"

#include <array>

namespace memrig {

namespace {

// The notices of include/linux/memory.h in ascending order, which is the same for the bits and for the numbers.
constexpr std::array kInOrder = {Notice::online,         Notice::going_offline, Notice::offline,
                                 Notice::going_online,   Notice::cancel_online, Notice::cancel_offline,
                                 Notice::prepare_online, Notice::finish_offline};

// The notices of include/linux/node.h, likewise.
constexpr std::array kNodesInOrder = {NodeNotice::adding,   NodeNotice::added,   NodeNotice::cancel_adding,
                                      NodeNotice::removing, NodeNotice::removed, NodeNotice::cancel_removing};

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

const char* to_string(NodeNotice notice) {
    switch (notice) {
        case NodeNotice::adding: return "NODE_ADDING_FIRST_MEMORY";
        case NodeNotice::added: return "NODE_ADDED_FIRST_MEMORY";
        case NodeNotice::cancel_adding: return "NODE_CANCEL_ADDING_FIRST_MEMORY";
        case NodeNotice::removing: return "NODE_REMOVING_LAST_MEMORY";
        case NodeNotice::removed: return "NODE_REMOVED_LAST_MEMORY";
        case NodeNotice::cancel_removing: return "NODE_CANCEL_REMOVING_LAST_MEMORY";
        case NodeNotice::other: break;
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

NodeNotice NodeNoticeNumbers::meaning(std::uint64_t action) {
    if (!counted_ && (action == 0 || action == 3)) counted_ = true;
    if (!counted_ && (action == 1u << 0 || action == 1u << 3)) counted_ = false;
    if (!counted_) return NodeNotice::other;
    for (std::size_t i = 0; i < kNodesInOrder.size(); i++)
        if (action == (*counted_ ? i : std::uint64_t{1} << i)) return kNodesInOrder.at(i);
    return NodeNotice::other;
}

std::optional<NoticeFields> read_notice(const std::vector<std::uint64_t>& words, std::uint64_t first,
                                        std::uint64_t pages, bool memmap_on_memory, bool tells_nodes) {
    if (words.size() < notice_words(tells_nodes)) return std::nullopt;
    const auto fits = [&](std::uint64_t start, std::uint64_t count) {
        const bool begins = memmap_on_memory ? start > first && start - first < pages : start == first;
        return begins && count == pages - (start - first);
    };
    const auto fields_at = [&](std::size_t at) {
        if (!tells_nodes) return NoticeFields{words[at], words[at + 1], -1, -1};
        return NoticeFields{words[at], words[at + 1], low_int(words[at + 2]), high_int(words[at + 2])};
    };
    // online_pages() does not fill in the place of the memmap: the first two words hold whatever stood there before.
    for (const std::size_t at : {std::size_t{2}, std::size_t{0}})
        if (fits(words[at], words[at + 1])) return fields_at(at);
    return std::nullopt;
}

}  // namespace memrig
