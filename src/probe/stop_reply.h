// What a gdbstub sends when the guest stops: "T05thread:p01.02;watch:c0ffee;".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "probe/probe.h"

namespace memrig {

// `threads` are the stub's names of the vCPUs, in their order. Fault::rig for anything but a stop of one of them, or the guest's end.
Result<Stop> parse_stop_reply(std::string_view text, const std::vector<std::string>& threads);

}  // namespace memrig
