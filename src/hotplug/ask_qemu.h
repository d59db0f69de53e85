// What hotplug asks of QEMU by QMP, and what a refusal is.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "qmp/qmp_client.h"

namespace memrig {

// The answer's "return". Where QEMU refuses, the error is `refused`'s fault and says so; `what` stands before the message in each case, the
// command where it is empty.
Result<nlohmann::json> ask_qemu(QmpClient& qmp, const std::string& command, const nlohmann::json& arguments,
                                Deadline deadline, Fault refused, const std::string& what = {});

}  // namespace memrig
