#include "probe/symbols.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/assert.h"

namespace memrig {

std::string_view plain_name(std::string_view name) { return name.substr(0, name.find('.', 1)); }

SymbolTable::SymbolTable(std::vector<Symbol> symbols) : symbols_(std::move(symbols)) {
    std::ranges::stable_sort(symbols_, {}, &Symbol::address);
    for (const auto& symbol : symbols_)
        if (symbol.name.find(".cold") == std::string::npos) by_name_.push_back(&symbol);
    std::ranges::stable_sort(by_name_, {}, [](const Symbol* symbol) { return plain_name(symbol->name); });
}

std::vector<std::uint64_t> SymbolTable::all(std::string_view name) const {
    std::vector<std::uint64_t> addresses;
    for (const Symbol* symbol :
         std::ranges::equal_range(by_name_, name, {}, [](const Symbol* entry) { return plain_name(entry->name); }))
        if (addresses.empty() || addresses.back() != symbol->address) addresses.push_back(symbol->address);
    return addresses;
}

std::optional<std::uint64_t> SymbolTable::unique(std::string_view name) const {
    const auto addresses = all(name);
    return addresses.size() == 1 ? std::optional(addresses.front()) : std::nullopt;
}

const Symbol* SymbolTable::containing(std::uint64_t address) const {
    auto after = std::ranges::upper_bound(symbols_, address, {}, &Symbol::address);
    return after == symbols_.begin() ? nullptr : &*std::prev(after);
}

std::string SymbolTable::describe(std::uint64_t address) const {
    const Symbol* symbol = containing(address);
    if (symbol == nullptr) return fmt::format("{:#x}", address);
    MEMRIG_ASSERT(symbol->address <= address, "symbols are sorted by address");
    return fmt::format("{}+{:#x}", symbol->name, address - symbol->address);
}

std::string_view SymbolTable::function(std::uint64_t address) const {
    const Symbol* symbol = containing(address);
    return symbol == nullptr ? std::string_view() : plain_name(symbol->name);
}

std::uint64_t SymbolTable::end_of(std::uint64_t address) const {
    const auto after = std::ranges::upper_bound(symbols_, address, {}, &Symbol::address);
    return after == symbols_.end() ? address + 1 : after->address;
}

}  // namespace memrig
