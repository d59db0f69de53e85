// A vCPU: plugged through QMP, and what the guest's kernel says of its own.
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "qmp/qmp_client.h"

namespace memrig {

// Gives the guest the first vCPU that the machine has not got yet, of the model that all others are (query-hotpluggable-cpus,
// device_add). A machine that has them all is Fault::user_input, as is QEMU's refusal.
Status plug_vcpu(QmpClient& qmp, Deadline deadline);

// How many vCPUs the guest's kernel knows, and uses.
struct VcpuFigures {
    unsigned present = 0, online = 0;
    bool operator==(const VcpuFigures&) const = default;
};

}  // namespace memrig
