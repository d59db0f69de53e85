// A guest's symbols as a file that gdb reads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "probe/architecture.h"
#include "probe/symbols.h"

namespace memrig {

// An ELF file that holds no code, only the kernel's symbols at the addresses that they have in that guest. Those of other address
// spaces (per-CPU offsets) are left out.
std::string symbol_file(const SymbolTable& symbols, const Architecture& architecture);

// How far the kernel's text lies from where it was linked to, which is what gdb's `add-symbol-file vmlinux -o` takes; nothing where it
// cannot be told (Architecture::linked_at).
std::optional<std::uint64_t> kaslr_offset(const SymbolTable& symbols, const Architecture& architecture);

}  // namespace memrig
