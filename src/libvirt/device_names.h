// Translates device names in QMP messages. In QEMU, the devices that libvirt made have names of libvirt's choice;
// memrig uses its own names.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include <nlohmann/json.hpp>

namespace memrig {

// Thread-safe.
class DeviceNames {
public:
    // libvirt lets its user choose an alias that begins with "ua-" (virDomainDeviceInfoParseXML).
    static std::string alias(const std::string& id) { return "ua-" + id; }

    // Registers a device. In QEMU, `id` is ua-ID, and `backend` is memua-ID (qemuBuildMemoryBackendProps).
    void add(const std::string& id, const std::string& backend);
    // Translate a message to QEMU, or from it: each string that is a name, or a QOM path that ends in one.
    nlohmann::json to_qemu(nlohmann::json message) const;
    nlohmann::json from_qemu(nlohmann::json message) const;

private:
    mutable std::mutex mutex_;
    std::map<std::string, std::string> ours_, theirs_;  // keyed by the other side's name
};

}  // namespace memrig
