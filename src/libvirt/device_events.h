// Collects what libvirt's events say of a domain's devices, by alias.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"

namespace memrig {

// Thread-safe: libvirt's event loop reports the events, other threads wait for them.
class DeviceEvents {
public:
    // For memory that was added, libvirt 9.0 names the object ("memua-dimm0") instead of the device
    // (qemuDomainAttachMemory).
    void added(std::string_view name);
    void removed(std::string_view alias);
    // The guest does not give the device up.
    void refused(std::string_view alias);
    // The guest now has `bytes` of a virtio-mem device.
    void resized(std::string_view alias, std::uint64_t bytes);
    // Forgets an earlier device with the same alias: its events are not evidence for the next device.
    void forget(const std::string& alias);
    void forget_refusal(const std::string& alias);

    // Fault::rig if libvirt does not say it in time.
    Status await_added(const std::string& alias, Deadline deadline) { return await(alias, true, deadline); }
    Status await_removed(const std::string& alias, Deadline deadline) { return await(alias, false, deadline); }
    Status await_refused(const std::string& alias, Deadline deadline);
    // libvirt says nothing of a device before the guest has taken memory from it: until then, its size counts as 0.
    Status await_size(const std::string& alias, std::uint64_t bytes, Deadline deadline);

private:
    void tell(std::string_view alias, bool is_there);
    Status await(const std::string& alias, bool is_there, Deadline deadline);

    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::string, bool> there_;
    std::map<std::string, std::uint64_t> sizes_;
    std::set<std::string> refused_;
};

}  // namespace memrig
