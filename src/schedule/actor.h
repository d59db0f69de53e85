// The actors of a schedule: who does what to the guest's memory, and what is expected of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "guest/guest_link.h"

namespace memrig {

enum class ActorKind {
    plugger,   // gives the guest memory, but for dax through QMP; its task in the guest is the one that enters `entry`
    onliner,   // a thread of the agent that writes a memory block's attribute, to online it
    offliner,  // the same, to offline it
    writer,    // the same, with a text that the kernel refuses
    prober,    // a thread of the agent that tells the kernel of each block's address (/sys/devices/system/memory/probe)
    resizer,   // changes through QMP how much memory the plugged virtio-mem device gives
    unplugger,     // takes the plugged pc-dimm away through QMP
    vcpu_plugger,  // gives the guest one more vCPU through QMP
    vcpu_onliner,  // a thread of the agent that onlines that vCPU through sysfs
    file_writer,   // a thread of the agent that writes once to a file of sysfs
};

enum class MemoryDevice { pc_dimm, virtio_mem, dax };  // dax: the bench's own, as system RAM
const char* to_string(MemoryDevice device);

struct Actor {
    std::string name;
    ActorKind kind = ActorKind::onliner;
    // The kernel function by whose entry the probe knows the actor's task.
    std::vector<std::string> entry;

    // A plugger's device. Of a resizer, `bytes` is the size that it asks for.
    MemoryDevice device = MemoryDevice::pc_dimm;
    std::uint64_t bytes = 0;
    int node = 0;

    // The writes of a thread. Where several attributes are given, the trial's seed chooses one.
    std::vector<std::string> attributes = {"state"};
    std::string value;  // empty: what the kind and the attribute say
    std::string path;   // of who writes to one file
    OnlinerTrigger trigger = OnlinerTrigger::now;
    std::vector<int> expected = {0};  // of each write: any of these, an errno or 0

    // Whether it is a thread of the agent, which writes once for each block, or once to its file. All others act through QMP.
    [[nodiscard]] bool is_thread() const;
    [[nodiscard]] bool writes_to_one_file() const;
    [[nodiscard]] std::string value_for(const std::string& attribute) const;
    [[nodiscard]] bool expects(int error) const;
    // Whether its writes are expected to be done.
    [[nodiscard]] bool expects_success() const { return expects(0); }
};

// "EBUSY"; "done" for 0.
std::string errno_name(int error);
std::string errno_names(const std::vector<int>& errors);  // "EBUSY or EAGAIN"
std::optional<int> parse_errno(const std::string& name);

}  // namespace memrig
