// Parses the kernel's lists of CPUs and nodes, as sysfs prints them: "0-2,5" (bitmap_print_to_pagebuf(), lib/bitmap.c).
#pragma once

#include <optional>
#include <set>
#include <string_view>

namespace memrig {

// More than any kernel has CPUs or nodes (NR_CPUS is at most 8192, MAX_NUMNODES 1024).
inline constexpr unsigned kMostIds = 65536;

// Returns nothing if the text is not such a list, or has an id of kMostIds or more. A newline may end the text. An
// empty list is a list.
std::optional<std::set<unsigned>> parse_id_list(std::string_view text);

}  // namespace memrig
