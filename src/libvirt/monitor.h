// Speaks QMP through libvirt (virDomainQemuMonitorCommand), with the same interface as QEMU's own monitor.
#pragma once

#include <memory>

#include "libvirt/device_names.h"
#include "libvirt/handles.h"
#include "qmp/qmp_client.h"

namespace memrig {

class LibvirtMonitor : public QmpClient {
public:
    // Gives QEMU a copy of `descriptor` as `name`, for migrate's fd:NAME. REQUIRES: libvirt is on this host.
    virtual Status hand_over(const std::string& name, int descriptor, Deadline deadline) = 0;
};

// Opens the domain's monitor, which translates device names by `names`, and collects events from now on. Its events()
// first waits, up to 10 s, for the events that QEMU sent before its last answer. REQUIRES: the event loop runs.
Result<std::unique_ptr<LibvirtMonitor>> open_monitor(const Connection& connection, virDomainPtr domain,
                                                     std::shared_ptr<const DeviceNames> names);

}  // namespace memrig
