// Keeps a memory snapshot as JSON, for the guest that it is of.
#pragma once

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "hotplug/accounting.h"

namespace memrig {

nlohmann::json snapshot_json(const MemorySnapshot& snapshot);
// Fault::host for JSON that snapshot_json() did not make.
Result<MemorySnapshot> read_snapshot(const nlohmann::json& json);

}  // namespace memrig
