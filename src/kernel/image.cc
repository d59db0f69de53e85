#include "kernel/image.h"

#include <algorithm>
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

// The release at the beginning of `text`, such as "6.1.0-56-cloud-amd64 (root@host) #1 SMP". Empty if there is none.
std::string leading_release(std::string_view text) {
    constexpr std::size_t longest = 64;  // __NEW_UTS_LEN
    const std::size_t end = text.find_first_of(std::string_view(" \0", 2));
    if (end == std::string_view::npos || end > longest) return {};
    const std::string_view release = text.substr(0, end);
    const bool plain = std::ranges::all_of(release, [](unsigned char c) { return std::isgraph(c) != 0 && c != '/'; });
    return plain && !release.starts_with('.') ? std::string(release) : std::string();
}

// The release that the image tells: the setup header of a bzImage points to it, and any other image holds the first
// line of its own boot messages.
std::string release_of(std::string_view bytes) {
    if (bytes.size() > 0x210 && bytes.substr(0x202, 4) == "HdrS") {
        const std::size_t at = 0x200u + u16(bytes, 0x20e);
        return at == 0x200 || at >= bytes.size() ? "" : leading_release(bytes.substr(at));
    }
    constexpr std::string_view banner = "Linux version ";
    for (std::size_t at = 0; (at = bytes.find(banner, at)) != std::string_view::npos;) {
        at += banner.size();
        const std::string release = leading_release(bytes.substr(at));
        if (!release.empty() && std::isdigit(static_cast<unsigned char>(release.front())) != 0) return release;
    }
    return {};
}

bool is_folder(const fs::path& path) {
    std::error_code code;
    return fs::is_directory(path, code);
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
    kernel.release = release_of(*bytes);
    MEMRIG_TRY(kernel.sha256, hash_file(path));
    return kernel;
}

fs::path modules_beside(const KernelImage& kernel) {
    if (kernel.release.empty()) return {};
    std::error_code code;
    const fs::path image = fs::canonical(kernel.image, code);
    if (code) return {};
    const fs::path folder = image.parent_path();
    if (folder.filename() == kernel.release) return folder;
    if (folder.filename() != "boot") return {};
    for (const char* modules : {"lib/modules", "usr/lib/modules"})
        if (const fs::path found = folder.parent_path() / modules / kernel.release; is_folder(found)) return found;
    return {};
}

Status use_modules(KernelImage& kernel, const fs::path& folder) {
    constexpr const char* remedy = "give lib/modules/RELEASE, as `make modules_install` leaves it";
    std::error_code code;
    const fs::path found = fs::canonical(folder, code);
    if (code || !is_folder(found))
        return fail_with({Fault::user_input,
                          fmt::format("cannot take modules from {}: {}", folder.string(),
                                      code ? code.message() : "it is not a folder"),
                          {}},
                         remedy);
    // The build leaves modules.order, and depmod makes modules.dep.
    if (!fs::exists(found / "modules.order", code) && !fs::exists(found / "modules.dep", code))
        return fail_with(
            {Fault::user_input,
             fmt::format("{} holds no kernel modules: it has neither modules.order nor modules.dep", folder.string()),
             {}},
            remedy);
    const std::string release = found.filename().string();
    if (kernel.release.empty()) kernel.release = release;
    if (kernel.release != release)
        return fail_with({Fault::user_input,
                          fmt::format("the modules in {} are for the release {}, but the kernel {} is {}",
                                      folder.string(), release, kernel.id, kernel.release),
                          {}},
                         fmt::format("give lib/modules/{}", kernel.release));
    kernel.modules = found;
    return {};
}

}  // namespace memrig
