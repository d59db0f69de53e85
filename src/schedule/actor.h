// The actors of a schedule: who does what to the guest's memory, and what is expected of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "guest/guest_link.h"
#include "hotplug/own_memory.h"

namespace memrig {

enum class ActorKind {
    adder,     // gives the guest memory through QMP, or lets it plug its own (own_memory()); its task enters `entry`
    onliner,   // a thread of the agent that writes a memory block's attribute, to online it
    offliner,  // the same, to offline it
    writer,    // the same, with a text that the kernel refuses
    prober,    // a thread of the agent that tells the kernel of each block's address (/sys/devices/system/memory/probe)
    resizer,   // changes through QMP how much memory the plugged virtio-mem device gives
    remover,   // takes the plugged pc-dimm away through QMP, or is a thread of the agent that has a driver give it up
    vcpu_plugger,  // gives the guest one more vCPU through QMP
    vcpu_onliner,  // a thread of the agent that onlines that vCPU through sysfs
    file_writer,   // a thread of the agent that writes once to a file of sysfs
    file_reader,   // a thread of the agent that reads a file of sysfs or procfs to its end
    pinner,        // keeps a page in the blocks pinned, through the agent, from its start until it is released
    filler,        // fills memory through the agent, which then writes to it until the trial ends
};

enum class MemoryDevice {
    pc_dimm,
    virtio_mem,
    nvdimm,  // device memory at most: it has no memory blocks
    dax,     // the bench's own, as system RAM
    // The same through the device's attribute `state`, which adds its memory and onlines it, and takes it offline and
    // removes it (since v7.3, drivers/dax/kmem.c).
    dax_state,
    // Memory that the kernel gave up for tracing (powernv): plugged when given back, unplugged when taken.
    memtrace,
    // Memory that Xen lets dom0 have: its balloon driver adds empty blocks, and what comes online stays with Xen.
    xen_balloon,
};
// How to plug a device that comes by a write to a file; nullptr for any other.
const OwnMemory* own_memory(MemoryDevice device);
const char* to_string(MemoryDevice device);

// One way in which a request through QMP can be refused.
struct Refusal {
    // QEMU's class of the error ("GenericError"); or "console", where the kernel says it there; or "_OST", where the
    // kernel says it by ACPI; or "event", where QEMU tells that the guest does not give a device back.
    std::string by;
    std::string text;  // a part of what is said
    [[nodiscard]] bool by_kernel() const { return by == "console" || by == "_OST" || by == "event"; }
    [[nodiscard]] std::string shown() const { return by + ": " + text; }
    // True if an answer, "GenericError: no free slots available" or "done", is this refusal.
    [[nodiscard]] bool is(const std::string& answer) const;
};
// "event: DEVICE_UNPLUG_GUEST_ERROR", also where QEMU uses its older name.
std::string unplug_error_answer();
// Reads that text, "GenericError: no free slots" or "console: add_memory failed".
std::optional<Refusal> parse_refusal(const std::string& text);

struct Actor {
    std::string name;
    ActorKind kind = ActorKind::onliner;
    // The kernel function by whose entry the probe knows the actor's task.
    std::vector<std::string> entry;

    // The device of an adder. For a resizer, `bytes` is the size that it asks for, for a filler what it fills.
    MemoryDevice device = MemoryDevice::pc_dimm;
    std::uint64_t bytes = 0;
    std::uint64_t most = 0;  // what a virtio-mem device can give that is plugged; 0: the bench has the device
    int node = 0;
    bool keeps = true;                // false: a pinner lets the page go at once, and only claims that it keeps it
    std::string device_id = "dimm0";  // QEMU's id of what is plugged or unplugged
    std::vector<Refusal> refusals;    // of a pc-dimm: it comes to any of these; none: it is done
    bool at_boot = false;             // the bench's pc-dimm, which is there when the guest boots: nobody plugs it
    bool onlined_by_kernel = false;   // auto_online_blocks
    bool memmap_on_memory = false;    // the blocks hold their own struct pages

    // The writes of a thread. Where several attributes are given, the trial's seed chooses one.
    std::vector<std::string> attributes = {"state"};
    std::string value;  // empty: what the kind and the attribute say
    std::string of;     // the adder whose blocks they are; empty: all that are plugged by then
    std::string path;   // of a thread that writes to one file
    WriterTrigger trigger = WriterTrigger::now;
    std::vector<int> expected = {0};  // of each write: any of these, an errno or 0
    unsigned repeat = 1;              // how often a thread does its work; only the last time is reported and judged

    // The number of calls of its entry that belong to one request through QMP. Calls for what QEMU had told the kernel
    // before, and the kernel had not heard of, come first.
    unsigned calls = 1;

    std::string zone;  // that blocks come online in; empty: what the value says, else any
    // It either does all of its work, or is refused and leaves everything as it was: a call that it makes fails.
    bool may_fail = false;
    // It takes part in a race: it may come to its work first, last or not at all, so any answer to it will do.
    bool races = false;
    // The actor that may fail, and whose work this one does once more: nothing is left to do if that one did it.
    std::string again_of;

    // True if the adder brings a device that QEMU has not had.
    [[nodiscard]] bool plugs_device() const { return is_dimm() || most != 0; }
    // True if the pages of its blocks do not become free when they come online (xen_online_page(),
    // drivers/xen/balloon.c).
    [[nodiscard]] bool gives_no_pages() const { return device == MemoryDevice::xen_balloon; }
    [[nodiscard]] bool is_dimm() const { return device == MemoryDevice::pc_dimm || device == MemoryDevice::nvdimm; }
    // True if it is a thread of the agent, which writes once for each block, or once to its file. Any other actor acts
    // through QMP.
    [[nodiscard]] bool is_thread() const;
    [[nodiscard]] bool writes_to_one_file() const;
    [[nodiscard]] std::string value_for(const std::string& attribute) const;
    [[nodiscard]] bool expects(int error) const;
    // True if the actor is expected to succeed.
    [[nodiscard]] bool expects_success() const { return is_thread() ? expects(0) : refusals.empty(); }
    // Whether QEMU is expected to do its part, whatever the kernel makes of it.
    [[nodiscard]] bool expects_qemu_to() const;
    // True if only QEMU itself is expected to refuse, and not the kernel later.
    [[nodiscard]] bool refused_by_qemu_alone() const;
    // True if this answer of QEMU or of the kernel is expected.
    [[nodiscard]] bool expects_answer(const std::string& answer) const;
    [[nodiscard]] std::string expected_answer() const;  // "done", or each refusal
};

// The answer to a request that was not refused.
inline constexpr const char* kDone = "done";
// "EBUSY"; "done" for 0.
std::string errno_name(int error);
std::string errno_names(const std::vector<int>& errors);  // "EBUSY or EAGAIN"
std::optional<int> parse_errno(const std::string& name);

}  // namespace memrig
