// Sends the QMP commands of hotplug, and turns a refusal into an error.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "qmp/qmp_client.h"

namespace memrig {

// Returns the answer's "return". If QEMU refuses the command, the error has the fault `refused` and says so. Every
// error message begins with `what`, or with the command if `what` is empty.
Result<nlohmann::json> ask_qemu(QmpClient& qmp, const std::string& command, const nlohmann::json& arguments,
                                Deadline deadline, Fault refused, const std::string& what = {});

}  // namespace memrig
