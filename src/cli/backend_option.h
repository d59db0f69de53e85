// --backend: who runs the machines.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "machine/machine.h"

namespace memrig {

inline constexpr const char* kBackendHelp = "qemu, or libvirt:URI such as libvirt:qemu:///session";

// "" where the text names a backend, else what is wrong with it.
std::string no_backend(const std::string& text);

// The URI of a backend that is libvirt's; nothing for QEMU of this host.
std::optional<std::string> libvirt_uri(const std::string& text);

Result<std::unique_ptr<Backend>> make_backend(const std::string& text);

}  // namespace memrig
