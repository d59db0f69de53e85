// Logging (spdlog) to stderr, with one named logger for each layer.
// MEMRIG_LOG sets the levels, for example MEMRIG_LOG=warn,probe=debug; the default is warn.
#pragma once

#include <map>
#include <span>
#include <string_view>

#include <spdlog/spdlog.h>

#include "base/error.h"

namespace memrig {

// The layers that log. docs/results.md says what each of them logs.
enum class LogLayer { qmp, guest, probe, machine, watch, libvirt, play, run, campaign };
// By LogLayer: "qmp", "guest", ...
std::span<const std::string_view> log_layer_names();

// The layer's logger, at level warn until set_up_logging(). A line below the level costs a comparison, if its arguments
// cost nothing. Text from a guest must go through one_line(). Thread-safe.
spdlog::logger& logger(LogLayer layer);

// What MEMRIG_LOG asks for.
struct LogLevels {
    spdlog::level::level_enum general = spdlog::level::warn;
    std::map<LogLayer, spdlog::level::level_enum> layers;  // where they differ
};
// "LEVEL" or "LAYER=LEVEL", with commas between. Fault::user_input for a layer or a level that does not exist.
Result<LogLevels> parse_log_levels(std::string_view text);

// Sets the levels that MEMRIG_LOG asks for. An error is that of parse_log_levels(); the levels are then as before. Call
// once, from main(), before the first log line.
Status set_up_logging();

}  // namespace memrig
