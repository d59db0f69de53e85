// Devices that libvirt made bear names of its choice in QEMU; what passes through the monitor is told in ours.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include <nlohmann/json.hpp>

namespace memrig {

// Thread-safe.
class DeviceNames {
public:
    // libvirt leaves an alias of that beginning to its user (virDomainDeviceInfoParseXML).
    static std::string alias(const std::string& id) { return "ua-" + id; }

    // The device `id` is ua-ID in QEMU, and its `backend` memua-ID (qemuBuildMemoryBackendProps).
    void add(const std::string& id, const std::string& backend);
    // What goes to QEMU, and what comes from it: a string that is a name, and a QOM path that ends in one.
    nlohmann::json to_qemu(nlohmann::json message) const;
    nlohmann::json from_qemu(nlohmann::json message) const;

private:
    mutable std::mutex mutex_;
    std::map<std::string, std::string> ours_, theirs_;  // by the other's
};

}  // namespace memrig
