#include "hotplug/id_list.h"

#include <charconv>

namespace memrig {

std::optional<std::set<unsigned>> parse_id_list(std::string_view text) {
    if (text.ends_with('\n')) text.remove_suffix(1);
    std::set<unsigned> ids;
    if (text.empty()) return ids;
    const char* at = text.data();
    const char* const end = at + text.size();
    const auto number = [&]() -> std::optional<unsigned> {
        unsigned id = 0;
        const auto read = std::from_chars(at, end, id);
        if (read.ec != std::errc() || id >= kMostIds) return std::nullopt;
        at = read.ptr;
        return id;
    };
    for (;;) {
        const auto first = number();
        if (!first) return std::nullopt;
        auto last = first;
        if (at != end && *at == '-') {
            ++at;
            last = number();
            if (!last || *last < *first) return std::nullopt;
        }
        for (unsigned id = *first; id <= *last; id++) ids.insert(id);
        if (at == end) return ids;
        if (*at++ != ',') return std::nullopt;
    }
}

}  // namespace memrig
