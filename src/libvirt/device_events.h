// What libvirt's events say of a domain's devices, by alias.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
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
    // What was said of an earlier device of that alias is no evidence for the next.
    void forget(const std::string& alias);

    // Fault::rig where it was not said in time.
    Status await_added(const std::string& alias, Deadline deadline) { return await(alias, true, deadline); }
    Status await_removed(const std::string& alias, Deadline deadline) { return await(alias, false, deadline); }

private:
    void tell(std::string_view alias, bool is_there);
    Status await(const std::string& alias, bool is_there, Deadline deadline);

    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::string, bool> there_;
};

}  // namespace memrig
