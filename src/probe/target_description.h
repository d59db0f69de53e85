// Turns gdb's target description (target.xml and the files that it includes) into a register layout.
// Format: "Target Description Format" in gdb's manual.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "probe/registers.h"

namespace memrig {

// `fetch` returns a named annex ("target.xml", "64bit-core.xml", ...). Fault::rig if the architecture is unknown, or if
// a register that the probe needs is not described.
Result<std::shared_ptr<const RegisterLayout>> read_target_description(
    const std::function<Result<std::string>(const std::string& annex)>& fetch);

}  // namespace memrig
