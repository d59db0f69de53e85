// The file of symbols for gdb, as far as its bytes tell; that gdb reads it is integration/held_guest_test's.
#include "probe/symbol_file.h"

#include <cstring>
#include <map>

#include <elf.h>

#include <gtest/gtest.h>

namespace memrig {
namespace {

SymbolTable symbols() {
    return SymbolTable({{0x1000, 'A', "pcpu_hot"},
                        {0xffffffff96a00000, 'T', "_text"},
                        {0xffffffff96a00100, 't', "online_pages"},
                        {0xffffffff97400000, 'D', "device_hotplug_lock"}});
}

const Architecture& architecture(const std::string& name) {
    const Architecture* found = find_architecture(name);
    EXPECT_NE(found, nullptr);
    return *found;
}

template <class T>
T read(const std::string& file, std::size_t at) {
    T value{};
    EXPECT_LE(at + sizeof value, file.size());
    std::memcpy(&value, file.data() + at, sizeof value);
    return value;
}

struct Entry {
    std::uint64_t address;
    int type;
};

// By its own section headers.
std::map<std::string, Entry> entries(const std::string& file) {
    const auto header = read<Elf64_Ehdr>(file, 0);
    std::map<std::string, Entry> found;
    for (unsigned i = 0; i < header.e_shnum; i++) {
        const auto section = read<Elf64_Shdr>(file, header.e_shoff + i * sizeof(Elf64_Shdr));
        if (section.sh_type != SHT_SYMTAB) continue;
        const auto names = read<Elf64_Shdr>(file, header.e_shoff + section.sh_link * sizeof(Elf64_Shdr));
        for (std::uint64_t at = sizeof(Elf64_Sym); at < section.sh_size; at += sizeof(Elf64_Sym)) {
            const auto entry = read<Elf64_Sym>(file, section.sh_offset + at);
            found[file.c_str() + names.sh_offset + entry.st_name] = {entry.st_value, ELF64_ST_TYPE(entry.st_info)};
        }
    }
    return found;
}

TEST(SymbolFile, HasTheKernelsSymbolsAtTheirAddresses) {
    const auto found = entries(symbol_file(symbols(), architecture("x86_64")));
    ASSERT_EQ(found.size(), 3u) << "what is no address of the kernel's is left out";
    EXPECT_EQ(found.at("online_pages").address, 0xffffffff96a00100);
    EXPECT_EQ(found.at("online_pages").type, STT_FUNC);
    EXPECT_EQ(found.at("device_hotplug_lock").address, 0xffffffff97400000);
    EXPECT_EQ(found.at("device_hotplug_lock").type, STT_OBJECT);
}

TEST(SymbolFile, IsOfTheGuestsMachine) {
    EXPECT_EQ(read<Elf64_Ehdr>(symbol_file(symbols(), architecture("x86_64")), 0).e_machine, EM_X86_64);
    EXPECT_EQ(read<Elf64_Ehdr>(symbol_file(symbols(), architecture("ppc64le")), 0).e_machine, EM_PPC64);
}

TEST(SymbolFile, NoSymbolsMakeAFileToo) {
    EXPECT_TRUE(entries(symbol_file(SymbolTable(), architecture("x86_64"))).empty());
}

TEST(KaslrOffset, IsWhereTextLiesBehindItsLinkAddress) {
    EXPECT_EQ(kaslr_offset(symbols(), architecture("x86_64")), 0x15a00000u);
    EXPECT_EQ(kaslr_offset(SymbolTable({{0xffffffff81000000, 'T', "_text"}}), architecture("x86_64")), 0u);
}

TEST(KaslrOffset, IsUnknownWithoutTextOrElsewhere) {
    EXPECT_EQ(kaslr_offset(SymbolTable(), architecture("x86_64")), std::nullopt);
    EXPECT_EQ(kaslr_offset(SymbolTable({{0xffffffff80000000, 'T', "_text"}}), architecture("x86_64")), std::nullopt);
    EXPECT_EQ(kaslr_offset(symbols(), architecture("ppc64le")), std::nullopt);
}

}  // namespace
}  // namespace memrig
