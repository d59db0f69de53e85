#include "watch/roles.h"

#include <algorithm>

#include <fmt/ranges.h>

namespace memrig {

// add_memory_resource() has wrapped a static __add_memory_resource() since v7.3-rc1, which __add_memory() calls, and
// add_memory_driver_managed() likewise (commit 2b047c8a8c27). unregister_one_node() became unregister_node() in v7.2;
// before, it called a function of that name, so the old name comes first. offline_and_remove_memory() has wrapped
// offline_and_remove_memory_ranges() since v7.3-rc1 (commit c17ba40c37e8). In 4.x the store functions of `state` and
// `probe` are store_mem_state() and memory_probe_store(), and memory is removed by __remove_memory() or, before, by
// remove_memory() (mm/memory_hotplug.c, drivers/base/memory.c, drivers/base/node.c). Other devices have a
// state_store(), too, so the old name comes first.
const std::vector<Role>& all_roles() {
    static const std::vector<Role> roles = {
        {"{adder}", "adds memory", {"__add_memory_resource", "add_memory_resource"}},
        {"{copy-page}", "copies a page that is moved", {"folio_mc_copy", "folio_copy"}},
        {"{driver-adder}",
         "adds memory that a driver manages",
         {"__add_memory_driver_managed", "add_memory_driver_managed"}},
        {"{offline-remover}",
         "takes memory offline and removes it",
         {"offline_and_remove_memory_ranges", "offline_and_remove_memory"}},
        {"{remover}", "removes memory", {"try_remove_memory", "__remove_memory", "remove_memory"}},
        {"{store-online}", "stores the attribute online of a device", {"online_store"}},
        {"{store-probe}", "stores the attribute probe of the memory", {"memory_probe_store", "probe_store"}},
        {"{store-state}", "stores the attribute state of a memory block", {"store_mem_state", "state_store"}},
        {"{unregister-node}", "takes a node away", {"unregister_one_node", "unregister_node"}},
    };
    return roles;
}

const Role* find_role(std::string_view name) {
    const auto found = std::ranges::find(all_roles(), name, &Role::name);
    return found == all_roles().end() ? nullptr : &*found;
}

std::optional<std::string> player_of(std::string_view role_or_function, const SymbolTable& symbols) {
    const Role* role = find_role(role_or_function);
    const auto functions = role != nullptr ? role->functions : std::vector{role_or_function};
    const auto found = std::ranges::find_if(functions, [&](std::string_view one) { return !symbols.all(one).empty(); });
    return found == functions.end() ? std::nullopt : std::optional<std::string>(*found);
}

std::string why_not_played(std::string_view role_or_function) {
    const Role* role = find_role(role_or_function);
    if (role == nullptr) return fmt::format("{} has no symbol", role_or_function);
    if (role->functions.size() == 1) return fmt::format("{} has no symbol", role->functions.front());
    return fmt::format("none of {} has a symbol", fmt::join(role->functions, ", "));
}

}  // namespace memrig
