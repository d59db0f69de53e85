// What libvirt's events say of a domain's devices, by alias.
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

// Thread-safe: told on libvirt's event loop, waited for elsewhere.
class DeviceEvents {
public:
    // Of memory that was added libvirt 9.0 names the object, "memua-dimm0", and not the device (qemuDomainAttachMemory).
    void added(std::string_view name);
    void removed(std::string_view alias);
    // The guest does not give it up.
    void refused(std::string_view alias);
    // Of a virtio-mem device: what the guest has of it now.
    void resized(std::string_view alias, std::uint64_t bytes);
    // What was said of an earlier device of that alias is no evidence for the next.
    void forget(const std::string& alias);
    void forget_refusal(const std::string& alias);

    // Fault::rig where it was not said in time.
    Status await_added(const std::string& alias, Deadline deadline) { return await(alias, true, deadline); }
    Status await_removed(const std::string& alias, Deadline deadline) { return await(alias, false, deadline); }
    Status await_refused(const std::string& alias, Deadline deadline);
    // Nothing is said of a device that nothing was taken of yet.
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
