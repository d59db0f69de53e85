// Decodes what rig/qmp.py hands over. The JSON in it comes from the peer, who is not trusted.
#pragma once

#include <optional>
#include <string_view>

#include "qmp/qmp_client.h"

namespace memrig {

// Nothing if it is no JSON, or nested deeper than any QMP message. No exception, no recursion.
std::optional<nlohmann::json> parse_bounded(std::string_view text);

// A message with the member `event`. Nothing if it is malformed.
std::optional<QmpEvent> decode_event(std::string_view text);

// The outcome of a command as Session.submit() tells it: "ok" and the value as JSON text, or the kind of failure,
// QEMU's error class and the description.
QmpResult<nlohmann::json> decode_outcome(std::string_view kind, std::string_view error_class, std::string_view text);

// A failure alone.
QmpError decode_failure(std::string_view kind, std::string_view error_class, std::string_view description);

}  // namespace memrig
