#include "kernel/image.h"

#include <optional>

#include <elf.h>

#include "base/file.h"
#include "base/hash.h"

namespace memrig {

namespace {

std::uint16_t u16(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[at]) | static_cast<unsigned char>(bytes[at + 1])
                                                                                  << 8);
}

std::optional<std::string> elf_arch(std::string_view head) {
    if (head.size() < 64 ||
        !head.starts_with("\x7f"
                          "ELF") ||
        head[EI_CLASS] != ELFCLASS64 || head[EI_DATA] != ELFDATA2LSB)
        return std::nullopt;
    switch (u16(head, 18)) {
        case EM_X86_64: return "x86_64";
        case EM_PPC64: return "ppc64le";
        case EM_AARCH64: return "aarch64";
        default: return std::nullopt;
    }
}

std::optional<std::string> arch_of(std::string_view head) {
    // Documentation/arch/x86/boot.rst, Documentation/arch/arm64/booting.rst.
    if (head.size() > 0x206 && head.substr(0x202, 4) == "HdrS") return "x86_64";
    if (head.size() > 0x3c && head.substr(0x38, 4) == "ARM\x64") return "aarch64";
    return elf_arch(head);
}

}  // namespace

Result<KernelImage> kernel_from_file(const fs::path& path) {
    auto bytes = read_file(path, 1ull << 30);
    if (!bytes) return fail(Fault::user_input, "{}", bytes.error().message);
    const auto arch = arch_of(std::string_view(*bytes).substr(0, 4096));
    if (!arch)
        return fail_with({Fault::user_input, fmt::format("{} is not a kernel image", path.string()), {}},
                         "a bzImage, a 64-bit little-endian vmlinux or an arm64 Image is needed");
    KernelImage kernel;
    kernel.id = path.string();
    kernel.arch = *arch;
    kernel.image = fs::absolute(path);
    MEMRIG_TRY(kernel.sha256, hash_file(path));
    return kernel;
}

}  // namespace memrig
