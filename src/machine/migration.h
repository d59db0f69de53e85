// A guest's state into a file and back, by QEMU's migration.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "qmp/qmp_client.h"

namespace memrig {

// To or from `uri`, as migrate and migrate-incoming take it; returns when it is done. The guest must be stopped, or started with `-incoming defer`.
Status save_state(QmpClient& qmp, const std::string& uri, Deadline deadline);
Status load_state(QmpClient& qmp, const std::string& uri, Deadline deadline);

}  // namespace memrig
