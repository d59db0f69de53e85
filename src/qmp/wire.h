// Decodes the results of rig/qmp.py. Their JSON comes from the peer, which is not trusted.
#pragma once

#include <optional>
#include <string_view>

#include "qmp/qmp_client.h"

namespace memrig {

// Returns nothing if `text` is not JSON, or is nested deeper than any QMP message. Never throws, does not recurse.
std::optional<nlohmann::json> parse_bounded(std::string_view text);

// Decodes a message with the member `event`. Returns nothing if it is malformed.
std::optional<QmpEvent> decode_event(std::string_view text);

// Decodes a command's outcome from the arguments of Session.submit()'s callback: "ok" and the value as JSON text, or
// the kind of failure, QEMU's error class and the description.
QmpResult<nlohmann::json> decode_outcome(std::string_view kind, std::string_view error_class, std::string_view text);

// Decodes a failure; the arguments are the same.
QmpError decode_failure(std::string_view kind, std::string_view error_class, std::string_view description);

}  // namespace memrig
