#include "cli/backend_option.h"

#include "libvirt/backend.h"

namespace memrig {

namespace {
constexpr std::string_view kLibvirt = "libvirt:";
}

std::string no_backend(const std::string& text) {
    if (text == "qemu" || (text.starts_with(kLibvirt) && text.size() > kLibvirt.size())) return {};
    return fmt::format("{} is no backend: qemu, or libvirt:URI", text);
}

std::optional<std::string> libvirt_uri(const std::string& text) {
    return text.starts_with(kLibvirt) ? std::optional(text.substr(kLibvirt.size())) : std::nullopt;
}

Result<std::unique_ptr<Backend>> make_backend(const std::string& text) {
    const auto uri = libvirt_uri(text);
    return uri ? connect_libvirt(*uri) : make_qemu_backend();
}

}  // namespace memrig
