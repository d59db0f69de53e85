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

// Answers of a notifier chain (include/linux/notifier.h).
constexpr std::uint64_t kNotifyStopMask = 0x8000;
constexpr std::uint64_t kNotifyBad = kNotifyStopMask | 2;  // NOTIFY_BAD: the writer gets EPERM (notifier_to_errno)

// The fields of struct memory_notify, in its order and with its meaning (include/linux/memory.h). Counted in pages.
struct NoticeFields {
    std::uint64_t start_pfn = 0, nr_pages = 0;
    std::int32_t status_change_nid_normal = -1, status_change_nid = -1;
    bool operator==(const NoticeFields&) const = default;
};

constexpr std::size_t kNoticeWords = 6;

// Reads the fields of a notice about the `pages` pages from pfn `first` on. `words` are the struct's first kNoticeWords
// eight-byte words. If the block's first pages hold its own memmap (`memmap_on_memory`), only the pages behind them are
// onlined. Since v6.8, the struct begins with two words about these memmap pages. Returns nothing if neither that
// layout nor the older one gives exactly the pages of the block (without its memmap pages, if it has them).
std::optional<NoticeFields> read_notice(const std::vector<std::uint64_t>& words, std::uint64_t first,
                                        std::uint64_t pages, bool memmap_on_memory);

}  // namespace memrig
