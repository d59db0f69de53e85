// Finds the files that memrig ships, caches and builds. No other code knows these paths.
#pragma once

#include <filesystem>

#include "base/error.h"

namespace memrig {

// The tree with rig/, guest-images/, scenarios/ and tools/: $MEMRIG_HOME, else the source tree that memrig was built
// from.
std::filesystem::path home_directory();

// The directory for downloads, unpacked kernels, initramfs images and saved guests: $MEMRIG_CACHE, else
// ${XDG_CACHE_HOME:-~/.cache}/memrig. Creates it if needed.
Result<std::filesystem::path> cache_directory();

// The guest agent's program for a machine architecture ("x86_64", "ppc64le", "aarch64").
std::filesystem::path agent_binary(const std::string& machine_arch);

// The observer's plugin, built for that version of QEMU's plugin interface.
std::filesystem::path observer_plugin(unsigned interface);

// `path` as messages show it: relative to home_directory() if it is below it.
std::string shown(const std::filesystem::path& path);

}  // namespace memrig
