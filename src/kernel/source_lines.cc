#include "kernel/source_lines.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>
#include <optional>
#include <string_view>

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <gelf.h>

#include "base/descriptor.h"
#include "base/file.h"

namespace memrig {

namespace {

constexpr std::size_t kMostBannerBytes = 4096;
// The kernel takes the bytes up to the next symbol for a part of the function: it is aligned, and may have a prefix.
constexpr std::uint64_t kMostPadding = 64;
constexpr const char* kBanner = "linux_banner";  // "Linux version RELEASE (...) ..." (init/version.c)

// Reads "0x47"; empty if the text is not such a number.
std::optional<std::uint64_t> hex_number(std::string_view text) {
    if (!text.starts_with("0x")) return std::nullopt;
    std::uint64_t number = 0;
    const auto [stop, error] = std::from_chars(text.data() + 2, text.data() + text.size(), number, 16);
    if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
    return number;
}

struct Place {
    std::string function;
    std::uint64_t offset = 0;
    std::optional<std::uint64_t> size;  // of the function; the kernel's own stacks have it
};

// Reads "function+0x47" or "function+0x47/0x90".
std::optional<Place> parse_place(std::string_view text) {
    const std::size_t plus = text.rfind('+');
    if (plus == std::string_view::npos || plus == 0) return std::nullopt;
    const std::string_view rest = text.substr(plus + 1);
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const auto offset = hex_number(rest.substr(0, slash));
    if (!offset) return std::nullopt;
    Place place{std::string(text.substr(0, plus)), *offset, {}};
    if (slash == rest.size()) return place;
    place.size = hex_number(rest.substr(slash + 1));
    return place.size ? std::optional(place) : std::nullopt;
}

}  // namespace

struct SourceLines::State {
    struct End {
        void operator()(Dwarf* opened) const { dwarf_end(opened); }
    };
    Descriptor file;
    std::unique_ptr<Dwarf, End> dwarf;
    struct Function {
        std::uint64_t address = 0, size = 0;
    };
    std::multimap<std::string, Function> functions;
    std::optional<GElf_Sym> banner;
    std::map<std::string, std::string> known;  // lines that were looked up before

    void read_symbols() {
        Elf* elf = dwarf_getelf(dwarf.get());
        for (Elf_Scn* section = elf_nextscn(elf, nullptr); section != nullptr; section = elf_nextscn(elf, section)) {
            GElf_Shdr header;
            if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_SYMTAB) continue;
            Elf_Data* data = elf_getdata(section, nullptr);
            GElf_Sym symbol;
            for (int i = 0; data != nullptr && gelf_getsym(data, i, &symbol) != nullptr; i++) {
                const char* name = elf_strptr(elf, header.sh_link, symbol.st_name);
                if (name == nullptr) continue;
                if (std::strcmp(name, kBanner) == 0) banner = symbol;
                if (GELF_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF) continue;
                functions.emplace(name, Function{symbol.st_value, symbol.st_size});
            }
        }
    }

    // The text of linux_banner; empty if the file has none.
    [[nodiscard]] std::string banner_text() const {
        if (!banner) return {};
        Elf* elf = dwarf_getelf(dwarf.get());
        Elf_Scn* section = elf_getscn(elf, banner->st_shndx);
        GElf_Shdr header;
        if (section == nullptr || gelf_getshdr(section, &header) == nullptr || banner->st_value < header.sh_addr)
            return {};
        const std::uint64_t offset = banner->st_value - header.sh_addr;
        Elf_Data* data = elf_getdata(section, nullptr);
        if (data == nullptr || data->d_buf == nullptr || offset >= data->d_size) return {};
        const std::size_t most = std::min<std::size_t>(data->d_size - offset, kMostBannerBytes);
        const char* text = static_cast<const char*>(data->d_buf) + offset;
        return {text, ::strnlen(text, most)};
    }

    // The address of the place; empty if no function fits, or several do.
    [[nodiscard]] std::optional<std::uint64_t> address_of(const Place& place) const {
        std::optional<std::uint64_t> address;
        const auto [first, last] = functions.equal_range(place.function);
        for (auto one = first; one != last; ++one) {
            const Function& function = one->second;
            if (place.offset > function.size) continue;
            if (place.size && (*place.size < function.size || *place.size - function.size >= kMostPadding)) continue;
            if (address && *address != function.address + place.offset) return std::nullopt;
            address = function.address + place.offset;
        }
        return address;
    }

    // Not every compiler writes the index of addresses.
    [[nodiscard]] std::optional<Dwarf_Die> unit_of(std::uint64_t address) const {
        Dwarf_Die unit;
        if (dwarf_addrdie(dwarf.get(), address, &unit) != nullptr) return unit;
        Dwarf_Off offset = 0, next = 0;
        std::size_t header = 0;
        while (dwarf_nextcu(dwarf.get(), offset, &next, &header, nullptr, nullptr, nullptr) == 0) {
            if (dwarf_offdie(dwarf.get(), offset + header, &unit) != nullptr && dwarf_haspc(&unit, address) > 0)
                return unit;
            offset = next;
        }
        return std::nullopt;
    }

    [[nodiscard]] std::string line_of(std::uint64_t address) const {
        auto unit = unit_of(address);
        if (!unit) return {};
        Dwarf_Line* line = dwarf_getsrc_die(&*unit, address);
        int number = 0;
        const char* file_name = line != nullptr ? dwarf_linesrc(line, nullptr, nullptr) : nullptr;
        if (file_name == nullptr || dwarf_lineno(line, &number) != 0) return {};
        std::string name = fs::path(file_name).lexically_normal().string();
        Dwarf_Attribute attribute;
        const char* built_in = dwarf_formstring(dwarf_attr(&*unit, DW_AT_comp_dir, &attribute));
        const std::string folder = built_in != nullptr ? std::string(built_in) + "/" : "";
        if (!folder.empty() && name.starts_with(folder)) name.erase(0, folder.size());
        return fmt::format("{}:{}", name, number);
    }
};

SourceLines::SourceLines(std::unique_ptr<State> state) : state_(std::move(state)) {}
SourceLines::SourceLines(SourceLines&&) noexcept = default;
SourceLines& SourceLines::operator=(SourceLines&&) noexcept = default;
SourceLines::~SourceLines() = default;

Result<SourceLines> SourceLines::open(const fs::path& vmlinux, const std::string& release) {
    auto state = std::make_unique<State>();
    state->file = Descriptor(::open(vmlinux.c_str(), O_RDONLY | O_CLOEXEC));
    if (!state->file.valid()) return fail_errno(Fault::user_input, "read " + vmlinux.string());
    elf_version(EV_CURRENT);
    state->dwarf.reset(dwarf_begin(state->file.get(), DWARF_C_READ));
    if (!state->dwarf)
        return fail_with({Fault::user_input, vmlinux.string() + " has no debug information", {}},
                         "give the vmlinux of a kernel with CONFIG_DEBUG_INFO, such as that of Debian's -dbg package");
    state->read_symbols();
    if (state->functions.empty()) return fail(Fault::user_input, "{} has no symbols", vmlinux.string());
    const std::string banner = state->banner_text();
    if (banner.empty()) return fail(Fault::user_input, "{} is not a vmlinux: it has no {}", vmlinux.string(), kBanner);
    if (!banner.starts_with("Linux version " + release + " "))
        return fail(Fault::user_input, "{} is of another kernel than {}: {}", vmlinux.string(), release,
                    banner.substr(0, banner.find(" (")));
    return SourceLines(std::move(state));
}

std::string SourceLines::at(const std::string& place) const {
    const auto known = state_->known.find(place);
    if (known != state_->known.end()) return known->second;
    std::string line;
    if (const auto parsed = parse_place(place))
        if (const auto address = state_->address_of(*parsed))
            line = state_->line_of(*address - (parsed->offset > 0 ? 1 : 0));
    return state_->known[place] = line;
}

}  // namespace memrig
