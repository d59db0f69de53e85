// Parses the packet that a gdbstub sends when the guest stops: "T05thread:p01.02;watch:c0ffee;".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "probe/probe.h"

namespace memrig {

// `threads` are the stub's names for the vCPUs, by vCPU. Fault::rig unless `text` is the stop of one of them or the end
// of the guest.
Result<Stop> parse_stop_reply(std::string_view text, const std::vector<std::string>& threads);

}  // namespace memrig
