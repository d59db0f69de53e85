// Saves a guest's state, and loads it, by QEMU's migration.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "qmp/qmp_client.h"

namespace memrig {

// `uri` is an argument of migrate or migrate-incoming. Both calls return when the migration is done. REQUIRES: the
// guest is stopped (save_state), or was started with `-incoming defer` (load_state).
Status save_state(QmpClient& qmp, const std::string& uri, Deadline deadline);
Status load_state(QmpClient& qmp, const std::string& uri, Deadline deadline);

}  // namespace memrig
