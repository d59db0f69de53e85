// QMP through libvirt (virDomainQemuMonitorCommand), behind the same interface as QEMU's own monitor.
#pragma once

#include <memory>

#include "libvirt/device_names.h"
#include "libvirt/handles.h"
#include "qmp/qmp_client.h"

namespace memrig {

class LibvirtMonitor : public QmpClient {
public:
    // QEMU's descriptor `name` becomes a copy of `descriptor`: for migrate's fd:NAME. A libvirt of this host only.
    virtual Status hand_over(const std::string& name, int descriptor, Deadline deadline) = 0;
};

// Names of devices are told as `names` says. Events count from here on. The event loop must run. events() first waits, a moment at most, for those that QEMU had sent before its last answer.
Result<std::unique_ptr<LibvirtMonitor>> open_monitor(const Connection& connection, virDomainPtr domain,
                                                     std::shared_ptr<const DeviceNames> names);

}  // namespace memrig
