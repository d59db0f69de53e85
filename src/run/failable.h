// The kernel functions that a sweep makes fail, and the value by which each of them says so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace memrig {

// Returns the functions that give memory or numbers and may run out of them, by all the names that they have had since
// v4.20. Those with memory profiling have the suffix _noprof since v6.10 (include/linux/alloc_tag.h).
const std::vector<std::string>& allocators();

// Returns what an allocator returns if it has nothing to give; nothing for a function that is none.
std::optional<std::uint64_t> failed_allocation(std::string_view function);

}  // namespace memrig
