#include "probe/symbol_file.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string_view>

#include <elf.h>

namespace memrig {

namespace {

constexpr std::uint64_t kKernelHalf = 1ull << 63;

template <class T>
void append(std::string& out, const T& value) {
    const std::size_t at = out.size();
    out.resize(at + sizeof value);
    std::memcpy(out.data() + at, &value, sizeof value);
}

using namespace std::string_view_literals;
// The section names, as they stand in .shstrtab.
constexpr std::string_view kTitles = "\0.text\0.symtab\0.strtab\0.shstrtab\0"sv;

Elf64_Shdr section(std::string_view title, std::uint32_t type, std::uint64_t offset, std::uint64_t size) {
    Elf64_Shdr header{};
    header.sh_name = static_cast<std::uint32_t>(kTitles.find(std::string(1, '\0').append(title).append(1, '\0')) + 1);
    header.sh_type = type;
    header.sh_offset = offset;
    header.sh_size = size;
    header.sh_addralign = 8;
    return header;
}

}  // namespace

std::string symbol_file(const SymbolTable& symbols, const Architecture& architecture) {
    std::string names(1, '\0'), table(sizeof(Elf64_Sym), '\0');
    std::uint64_t low = std::numeric_limits<std::uint64_t>::max(), high = 0;
    for (const auto& symbol : symbols.list()) {
        if (symbol.address < kKernelHalf) continue;
        low = std::min(low, symbol.address);
        high = std::max(high, symbol.address);
        const bool code = std::strchr("tTwW", symbol.type) != nullptr;
        Elf64_Sym entry{};
        entry.st_name = static_cast<std::uint32_t>(names.size());
        entry.st_info = ELF64_ST_INFO(STB_GLOBAL, code ? STT_FUNC : STT_OBJECT);
        entry.st_shndx = 1;
        entry.st_value = symbol.address;
        append(table, entry);
        names += symbol.name;
        names += '\0';
    }
    Elf64_Ehdr header{};
    const std::uint64_t table_at = sizeof header, names_at = table_at + table.size(),
                        titles_at = names_at + names.size();
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_EXEC;
    header.e_machine = architecture.elf_machine;
    header.e_flags = architecture.elf_flags;
    header.e_version = EV_CURRENT;
    header.e_shoff = (titles_at + kTitles.size() + 7) & ~std::uint64_t{7};
    header.e_ehsize = sizeof header;
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = 5;
    header.e_shstrndx = 4;

    std::string file;
    append(file, header);
    file += table + names;
    file += kTitles;
    file.resize(header.e_shoff, '\0');
    append(file, Elf64_Shdr{});
    Elf64_Shdr text = section(".text", SHT_NOBITS, table_at, low <= high ? high - low + 1 : 0);
    text.sh_flags = SHF_ALLOC | SHF_EXECINSTR;
    text.sh_addr = low <= high ? low : 0;
    append(file, text);
    Elf64_Shdr list = section(".symtab", SHT_SYMTAB, table_at, table.size());
    list.sh_link = 3;
    list.sh_info = 1;  // index of the first symbol that is not local
    list.sh_entsize = sizeof(Elf64_Sym);
    append(file, list);
    append(file, section(".strtab", SHT_STRTAB, names_at, names.size()));
    append(file, section(".shstrtab", SHT_STRTAB, titles_at, kTitles.size()));
    return file;
}

std::optional<std::uint64_t> kaslr_offset(const SymbolTable& symbols, const Architecture& architecture) {
    const auto text = symbols.unique("_text");
    if (architecture.linked_at == 0 || !text || *text < architecture.linked_at) return std::nullopt;
    return *text - architecture.linked_at;
}

}  // namespace memrig
