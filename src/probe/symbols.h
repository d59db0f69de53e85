// The kernel's symbols, as the guest's own /proc/kallsyms gave them (so that KASLR needs no thought).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace memrig {

struct Symbol {
    std::uint64_t address = 0;
    char type = 't';  // as nm prints it: t/T code, d/D/b/B/r/R data
    std::string name;
};

// Immutable; moved, not copied. A name may stand for several functions (`state_store` is in many files), and a compiler's clone
// ("name.isra.0", "name.constprop.0", "name.part.0", "name.cold") is found by its plain name, but for ".cold", which no call enters.
class SymbolTable {
public:
    SymbolTable() = default;
    explicit SymbolTable(std::vector<Symbol> symbols);
    SymbolTable(SymbolTable&&) = default;
    SymbolTable& operator=(SymbolTable&&) = default;

    // Every address of that name, ascending; empty if there is none.
    [[nodiscard]] std::vector<std::uint64_t> all(std::string_view name) const;
    // The address of a name that stands for one thing only.
    [[nodiscard]] std::optional<std::uint64_t> unique(std::string_view name) const;
    // The symbol that `address` lies in: the nearest one at or below it.
    [[nodiscard]] const Symbol* containing(std::uint64_t address) const;
    // "function+0x1c", or "0x..." where there is none.
    [[nodiscard]] std::string describe(std::uint64_t address) const;
    // The plain name of the function that `address` lies in, without a clone's suffix; empty where there is none.
    [[nodiscard]] std::string_view function(std::uint64_t address) const;
    // The first address behind the function that holds `address`.
    [[nodiscard]] std::uint64_t end_of(std::uint64_t address) const;
    [[nodiscard]] std::size_t size() const { return symbols_.size(); }
    [[nodiscard]] const std::vector<Symbol>& list() const { return symbols_; }

private:
    std::vector<Symbol> symbols_;         // by address
    std::vector<const Symbol*> by_name_;  // by plain name; into symbols_, which keeps its place when moved
};

// "name.isra.0" is "name".
std::string_view plain_name(std::string_view name);

}  // namespace memrig
