// What memory_notify() says of a memory block: which notice it is, and what comes with it.
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

// Which number is which is told by the first notice of a plain online: 1 << 3 where they are bits (include/linux/memory.h up to v6.12 and
// its early stable releases), 3 where they are counted, since.
class NoticeNumbers {
public:
    [[nodiscard]] Notice meaning(std::uint64_t action);
    [[nodiscard]] bool known() const { return counted_.has_value(); }

private:
    std::optional<bool> counted_;
};

// What a chain of notifiers answered (include/linux/notifier.h).
constexpr std::uint64_t kNotifyStopMask = 0x8000;
constexpr std::uint64_t kNotifyBad = kNotifyStopMask | 2;  // NOTIFY_BAD: to the writer it is EPERM (notifier_to_errno)

// Page frames, in the order and with the meaning of include/linux/memory.h's struct memory_notify.
struct NoticeFields {
    std::uint64_t start_pfn = 0, nr_pages = 0;
    std::int32_t status_change_nid_normal = -1, status_change_nid = -1;
    bool operator==(const NoticeFields&) const = default;
};

constexpr std::size_t kNoticeWords = 6;

// `words` are the struct's first eight-byte words, of a notice about the `pages` pages from `first` on. Since v6.8 the struct begins with the
// pages that hold the block's own memmap (`memmap_on_memory`); the rest is what is onlined. Nothing where neither that layout nor the older
// one gives exactly the block, less such pages where it has them.
std::optional<NoticeFields> read_notice(const std::vector<std::uint64_t>& words, std::uint64_t first,
                                        std::uint64_t pages, bool memmap_on_memory);

}  // namespace memrig
