// Makes a file with a guest's symbols for gdb.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "probe/architecture.h"
#include "probe/symbols.h"

namespace memrig {

// Returns an ELF file without code. It has the kernel's symbols at their addresses in that guest. Symbols of other
// address spaces (per-CPU offsets) are left out.
std::string symbol_file(const SymbolTable& symbols, const Architecture& architecture);

// Returns the distance in bytes from the address that the kernel's text was linked to, for gdb's
// `add-symbol-file vmlinux -o`. Returns nothing if it is not known (Architecture::linked_at).
std::optional<std::uint64_t> kaslr_offset(const SymbolTable& symbols, const Architecture& architecture);

}  // namespace memrig
