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

}  // namespace memrig
