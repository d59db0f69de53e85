// The one place that knows where things lie: what memrig ships, what it caches, what it builds.
#pragma once

#include <filesystem>

#include "base/error.h"

namespace memrig {

// The tree that holds rig/, guest-images/, scenarios/ and tools/: $MEMRIG_HOME, else the source tree it was built from.
std::filesystem::path home_directory();

// Downloads, unpacked kernels, initramfs images and saved guests: $MEMRIG_CACHE, else ${XDG_CACHE_HOME:-~/.cache}/memrig.
// Made if need be.
Result<std::filesystem::path> cache_directory();

// The guest agent that was built for a machine architecture ("x86_64", "ppc64le", "aarch64").
std::filesystem::path agent_binary(const std::string& machine_arch);

// A file below home_directory(), shown to the user relative to it.
std::string shown(const std::filesystem::path& path);

}  // namespace memrig
