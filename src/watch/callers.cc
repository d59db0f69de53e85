#include "watch/callers.h"

#include <algorithm>

#include <fmt/ranges.h>

namespace memrig {

Status check_callers(const SymbolTable& symbols, const std::vector<std::string>& callers) {
    const auto has = [&](const std::string& caller) { return !symbols.all(caller).empty(); };
    if (callers.empty() || std::ranges::any_of(callers, has)) return {};
    return fail(Fault::guest, "this kernel has no symbol {}", fmt::join(callers, " or "));
}

Result<bool> is_called_from(Conductor& conductor, const SymbolTable& symbols, const Arrival& entry,
                            const std::vector<std::string>& callers) {
    if (callers.empty()) return true;
    MEMRIG_TRY(const std::uint64_t back, conductor.return_address(entry));
    return std::ranges::find(callers, symbols.function(back)) != callers.end();
}

}  // namespace memrig
