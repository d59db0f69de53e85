// Decodes a notice of memory_notify() about a memory block: its kind and its fields.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace memrig {

enum class Notice {
    going_online,
    online,
    cancel_online,
    going_offline,
    offline,
    cancel_offline,
    prepare_online,  // since v6.8
    finish_offline,  // since v6.8
    other
};
const char* to_string(Notice notice);  // "MEM_GOING_ONLINE"
std::optional<Notice> parse_notice(const std::string& text);

// Learns how the kernel numbers its notices, from the first notice of a plain online. Up to v6.12 and its early stable
// releases, they are bits (include/linux/memory.h: MEM_GOING_ONLINE is 1 << 3). Since then they are counted (it is 3).
class NoticeNumbers {
public:
    // Returns `other` as long as the numbering is not known.
    [[nodiscard]] Notice meaning(std::uint64_t action);
    [[nodiscard]] bool known() const { return counted_.has_value(); }

private:
    std::optional<bool> counted_;
};

// The notices of node_notify() (include/linux/node.h, since v6.17).
enum class NodeNotice { adding, added, cancel_adding, removing, removed, cancel_removing, other };
const char* to_string(NodeNotice notice);  // "NODE_ADDING_FIRST_MEMORY"

// Learns how the kernel numbers its notices to nodes, from the first one, which is an announcement. They are bits
// (NODE_ADDING_FIRST_MEMORY is 1 << 0, NODE_REMOVING_LAST_MEMORY is 1 << 3). Should they be counted one day, as the
// memory's are now, the announcements are 0 and 3.
class NodeNoticeNumbers {
public:
    // Returns `other` as long as the numbering is not known.
    [[nodiscard]] NodeNotice meaning(std::uint64_t action);
    [[nodiscard]] bool known() const { return counted_.has_value(); }

private:
    std::optional<bool> counted_;
};

// Answers of a notifier chain (include/linux/notifier.h).
constexpr std::uint64_t kNotifyStopMask = 0x8000;
// Returns the answer of a notifier that refuses with a positive errno (notifier_from_errno()).
constexpr std::uint64_t notifier_answer(int error) { return kNotifyStopMask | (1 + static_cast<std::uint64_t>(error)); }
constexpr std::uint64_t kNotifyBad = notifier_answer(1);  // NOTIFY_BAD: the writer gets EPERM (notifier_to_errno)
// Returns true if notifier_to_errno() makes an error of the answer. NOTIFY_STOP only ends the call.
constexpr bool is_veto(std::uint64_t answer) { return (answer & 0xffffffff & ~kNotifyStopMask) > 1; }

// The fields of struct memory_notify, in its order and with its meaning (include/linux/memory.h). Counted in pages.
struct NoticeFields {
    std::uint64_t start_pfn = 0, nr_pages = 0;
    std::int32_t status_change_nid_normal = -1, status_change_nid = -1;
    bool operator==(const NoticeFields&) const = default;
};

// The number of words of the struct that are read. Since v6.17 it tells of no nodes (`tells_nodes` is false): they have
// a chain of their own. The words behind the struct are whatever the stack held before.
constexpr std::size_t notice_words(bool tells_nodes) { return tells_nodes ? 6 : 4; }

// Reads the fields of a notice about the `pages` pages from pfn `first` on. `words` are the struct's first
// notice_words() eight-byte words. If the block's first pages hold its own memmap (`memmap_on_memory`), only the pages
// behind them are onlined. Kernels with MEM_PREPARE_ONLINE begin the struct with two words about these memmap pages.
// Returns nothing if neither that layout nor the other one gives exactly the pages of the block (without its memmap
// pages, if it has them). Without `tells_nodes`, the fields for nodes are -1.
std::optional<NoticeFields> read_notice(const std::vector<std::uint64_t>& words, std::uint64_t first,
                                        std::uint64_t pages, bool memmap_on_memory, bool tells_nodes);

}  // namespace memrig
