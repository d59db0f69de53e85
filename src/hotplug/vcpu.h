// Plugs a vCPU through QMP, and defines the vCPU counts of the guest's kernel.
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "qmp/qmp_client.h"

namespace memrig {

// Plugs the first vCPU that the machine does not have yet, of the same model as the others (query-hotpluggable-cpus,
// device_add). Fault::user_input if the machine has all its vCPUs, or if QEMU refuses.
Status plug_vcpu(QmpClient& qmp, Deadline deadline);

// The numbers of vCPUs that the guest's kernel knows (present) and uses (online).
struct VcpuFigures {
    unsigned present = 0, online = 0;
    bool operator==(const VcpuFigures&) const = default;
};

}  // namespace memrig
