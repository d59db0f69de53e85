// Reads [actor.NAME] of a scenario file.
#pragma once

#include <string>

#include "base/toml_reader.h"
#include "schedule/actor.h"

namespace memrig {

// Mistakes go to the document's diagnostics.
Actor read_actor(const std::string& name, TomlTable& table);

// Whether it can be the name of a kernel symbol.
bool is_kernel_symbol(const std::string& text);
constexpr int kMostNodes = 127;
// What QEMU takes for an id.
bool is_device_id(const std::string& text);
inline constexpr const char* kDeviceIdRule = "a small letter, then small letters, digits and '-', at most 32";

}  // namespace memrig
