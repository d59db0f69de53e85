#include "guest/transcript.h"

#include <algorithm>

#include <fmt/format.h>

namespace memrig {

std::string transcript_line(const TranscriptEntry& entry, SteadyTime origin) {
    constexpr std::size_t kShown = 4096;
    const std::string& payload = entry.frame.payload;
    std::string shown;
    if (entry.frame.type == FrameType::deflated_part) {
        shown = fmt::format("({} bytes deflated)", payload.size());
    } else {
        shown = payload.substr(0, kShown);
        while (!shown.empty() && shown.back() == '\n') shown.pop_back();
        std::ranges::replace(shown, '\n', '|');
        // The guest may write anything, even in an intact frame.
        std::ranges::replace_if(shown, [](unsigned char c) { return c < ' ' || c >= 0x7F; }, '?');
        if (payload.size() > kShown) shown += fmt::format("... ({} bytes)", payload.size());
    }
    return fmt::format("{:.6f} {} {} #{}/{} {}", seconds(entry.at - origin), entry.sent ? '>' : '<',
                       to_string(entry.frame.type), entry.frame.id, entry.frame.sequence, shown);
}

}  // namespace memrig
