// Reads [actor.NAME] of a scenario file.
#pragma once

#include <string>

#include "base/toml_reader.h"
#include "schedule/actor.h"

namespace memrig {

// Adds mistakes to the diagnostics of the table's document.
Actor read_actor(const std::string& name, TomlTable& table);

// Returns whether the text can be the name of a kernel symbol.
bool is_kernel_symbol(const std::string& text);
// Returns whether the text can be the name of a kernel function, or is a role.
bool names_function(const std::string& text);
constexpr int kMostNodes = 127;
// Returns whether the text can be a device id. All such ids are valid for QEMU.
bool is_device_id(const std::string& text);
inline constexpr const char* kDeviceIdRule = "a small letter, then small letters, digits and '-', at most 32";

}  // namespace memrig
