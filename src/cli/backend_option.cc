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

Result<std::unique_ptr<Backend>> make_backend(const std::string& text) {
    if (text == "qemu") return make_qemu_backend();
    return connect_libvirt(text.substr(kLibvirt.size()));
}

}  // namespace memrig
