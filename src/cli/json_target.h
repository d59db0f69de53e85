// The target of --json FILE: a file, a device, a pipe, or "-" for stdout.
#pragma once

#include <string>

#include "base/error.h"

namespace memrig {

// Fails with Fault::user_input where nothing can be written. To be called before the work begins. An empty text is no
// target, and is good.
Status check_json_target(const std::string& json);
// Writes to a device, a pipe or stdout, and replaces a file.
Status write_json(const std::string& json, const std::string& text);

}  // namespace memrig
