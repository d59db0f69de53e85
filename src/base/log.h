// Logging (spdlog), with one named logger for each layer.
// MEMRIG_LOG sets the levels, for example MEMRIG_LOG=warn,probe=debug; the default is warn.
#pragma once

#include <memory>
#include <string>

#include <spdlog/spdlog.h>

namespace memrig {

// The layer's logger, created on first use. Thread-safe.
std::shared_ptr<spdlog::logger> logger(const std::string& layer);

// Reads MEMRIG_LOG. Call once, from main(), before the first log line.
void set_up_logging();

}  // namespace memrig
