// The kernel's lists of CPUs and nodes, as sysfs prints them: "0-2,5" (bitmap_print_to_pagebuf(), lib/bitmap.c).
#pragma once

#include <optional>
#include <set>
#include <string_view>

namespace memrig {

// More than any kernel has of either (NR_CPUS is 8192 at most, MAX_NUMNODES 1024).
inline constexpr unsigned kMostIds = 65536;

// Nothing where the text is no such list, or has an id of kMostIds or more. A newline may end it; an empty list is a list.
std::optional<std::set<unsigned>> parse_id_list(std::string_view text);

}  // namespace memrig
