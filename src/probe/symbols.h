// Looks up the kernel's symbols. They come from the guest's own /proc/kallsyms, so that KASLR needs no special care.
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

// Immutable; moved, not copied. A name may stand for several functions (`state_store` is in many files). A compiler's
// clone ("name.isra.0", "name.constprop.0", "name.part.0") is found by its plain name. "name.cold" is not: no call
// enters it.
class SymbolTable {
public:
    SymbolTable() = default;
    explicit SymbolTable(std::vector<Symbol> symbols);
    SymbolTable(SymbolTable&&) = default;
    SymbolTable& operator=(SymbolTable&&) = default;

    // Returns every address of that name, ascending. Empty if there is none.
    [[nodiscard]] std::vector<std::uint64_t> all(std::string_view name) const;
    // Returns the address of a name that stands for one thing only, else nothing.
    [[nodiscard]] std::optional<std::uint64_t> unique(std::string_view name) const;
    // Returns the symbol that `address` lies in: the nearest one at or below it. Null if there is none.
    [[nodiscard]] const Symbol* containing(std::uint64_t address) const;
    // Returns "function+0x1c", or "0x..." if there is no such symbol.
    [[nodiscard]] std::string describe(std::uint64_t address) const;
    // Returns the plain name of the function that `address` lies in, without a clone's suffix. Empty if there is none.
    [[nodiscard]] std::string_view function(std::uint64_t address) const;
    // Returns the first address behind the function that `address` lies in.
    [[nodiscard]] std::uint64_t end_of(std::uint64_t address) const;
    [[nodiscard]] std::size_t size() const { return symbols_.size(); }
    [[nodiscard]] const std::vector<Symbol>& list() const { return symbols_; }

private:
    std::vector<Symbol> symbols_;         // by address
    std::vector<const Symbol*> by_name_;  // by plain name; points into symbols_, whose elements stay in place in a move
};

// Returns "name" for "name.isra.0".
std::string_view plain_name(std::string_view name);

}  // namespace memrig
