// The rig's hands inside the guest: what the agent can be asked, and what it reports by itself.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace memrig {

// What the agent says of itself and its kernel when it greets.
struct AgentHello {
    unsigned protocol = 0;
    std::string release;                // uname -r
    std::string machine;                // uname -m
    std::uint64_t block_bytes = 0;      // size of a memory block; 0 where the kernel has no memory hotplug
    unsigned cpus = 0;                  // vCPUs online
    std::vector<std::string> warnings;  // what the agent could not set up, e.g. a module that did not load
};

// A memory block as sysfs shows it (/sys/devices/system/memory/memoryN).
struct MemoryBlock {
    std::uint64_t id = 0;
    std::string state;        // "online", "offline", "going-offline"
    std::string valid_zones;  // as read; the first word is the zone of an online block
    int node = -1;            // the nodeN link beside it, -1 where there is none
    bool removable = false;
};

struct ZoneFigures {
    int node = 0;
    std::string zone;  // "Normal", "Movable", ...
    std::uint64_t present = 0, managed = 0, spanned = 0, free = 0, start_pfn = 0;
};

struct MemoryFigures {
    std::vector<ZoneFigures> zones;                // from /proc/zoneinfo; pages
    std::map<std::string, std::uint64_t> meminfo;  // from /proc/meminfo; kB, "MemTotal" and the like
    std::uint64_t page_bytes = 4096;
};

struct GuestSymbol {
    std::uint64_t address = 0;
    char type = '?';   // as nm prints it
    std::string name;  // a name may come more than once
};

// A task that is neither running nor sleeping interruptibly, with its kernel stack (innermost first: "func+0x1/0x2").
struct BlockedTask {
    int tid = 0;
    std::string comm;
    char state = '?';
    std::vector<std::string> stack;  // empty where the kernel does not show /proc/PID/stack
};

enum class WriterTrigger {
    now,    // the blocks are expected to be there: one attempt each
    spin,   // opens the attribute again and again until it is there
    uevent  // waits for the block's KOBJ_ADD uevent
};

struct WriterSpec {
    std::string name;  // [a-z0-9-]{1,32}, chosen by the caller
    unsigned cpu = 0;  // the vCPU it is pinned to
    std::uint64_t first_block = 0, last_block = 0;
    std::string attribute = "state";  // or "online"
    std::string value = "online";     // "online_kernel", "online_movable", "offline"; "1" or "0" for `online`
    WriterTrigger trigger = WriterTrigger::now;
    std::string path = {};  // not empty: it writes once, to this file below /sys/, and to no block
};

// Where a writer that waits for its doorbell waits: addresses in the agent's own memory, which is locked. The probe rings it
// while the guest stands still, through the vCPU that the writer spins on: the kernel has no part in it, so it works while
// another vCPU is held. A request on the link would not: what a tty receives goes through a workqueue.
struct Doorbell {
    static constexpr std::uint64_t magic = 0x6c6c6562726f6f64;  // at `address` once the writer is there
    std::uint64_t address =
        0;  // behind the magic: first block, last block, rung (not 0: go); 8 bytes each, little-endian
};

// One write that a writer made. `error` is the errno, 0 for success.
struct WriterReport {
    std::string writer;
    std::uint64_t block = 0;
    int error = 0;
    SteadyTime seen;  // when the report reached the host
};

// Requests wait for their reply until the deadline (an error with Fault::guest then, or Fault::rig if the channel is
// gone). Thread-safe: one request at a time is on the wire, others queue.
class GuestLink {
public:
    virtual ~GuestLink() = default;

    // Resynchronises and greets; needed after boot (the agent greets by itself) and after a restore.
    virtual Result<AgentHello> hello(Deadline deadline) = 0;
    // Every symbol with one of these names (an optional suffix such as ".isra.0", ".constprop.0", ".part.0" counts as the name);
    // with an empty list all symbols of the kernel proper: no modules, no padding (__pfx_*), no export tables (__ksymtab_*).
    // ".cold" is no such suffix. Names are looked up in modules too. In the order of /proc/kallsyms.
    virtual Result<std::vector<GuestSymbol>> symbols(const std::vector<std::string>& names, Deadline deadline) = 0;
    virtual Result<std::vector<MemoryBlock>> blocks(Deadline deadline) = 0;
    virtual Result<MemoryFigures> memory(Deadline deadline) = 0;
    // Objects in use by slab cache, after each cache has given back what it kept for later. Nothing where the kernel does not count them
    // (/proc/slabinfo: CONFIG_SLUB_DEBUG).
    virtual Result<std::map<std::string, std::uint64_t>> slabs(Deadline deadline) = 0;
    virtual Result<std::vector<BlockedTask>> blocked_tasks(Deadline deadline) = 0;
    // Keeps a page of the agent's, which is in one of the blocks, where it is, until it is unpinned by that name, [a-z0-9-]{1,32}: its page
    // frame. Whoever takes its block offline has to wait for it. An error where the kernel gives the agent no page of theirs.
    virtual Result<std::uint64_t> pin_page(const std::string& name, std::uint64_t first_block, std::uint64_t last_block,
                                           Deadline deadline) = 0;
    virtual Status unpin_page(const std::string& name, Deadline deadline) = 0;
    virtual Status start_writer(const WriterSpec& order, Deadline deadline) = 0;
    // The same, but it waits for the doorbell, which then names the blocks: at most `last_block - first_block + 1` of them.
    virtual Result<Doorbell> arm_writer(const WriterSpec& order, Deadline deadline) = 0;
    // Ends after the write it is in, if it is in one; does not wait for that.
    virtual Status stop_writer(const std::string& name, Deadline deadline) = 0;
    // The writes reported so far by all writers, oldest first; never fails and never waits.
    virtual std::vector<WriterReport> writes() = 0;
    // Waits until more than `seen` writes have been reported, or the deadline.
    virtual Result<bool> wait_writes(std::size_t seen, Deadline deadline) = 0;
    // At most 1 MiB. Errors name the guest's errno.
    virtual Result<std::string> read_guest_file(const std::string& path, Deadline deadline) = 0;
    virtual Status write_guest_file(const std::string& path, const std::string& text, Deadline deadline) = 0;
    // One letter to /proc/sysrq-trigger. The output goes to the console.
    virtual Status sysrq(char key, Deadline deadline) = 0;
    virtual Status power_off(Deadline deadline) = 0;
    // Readable when something came from the agent that has not been looked at by writes(); for polling beside the probe.
    virtual int descriptor() const = 0;
    // Who waits for a reply asks now and then, and waits no longer than `patience` more once `crashed` says that the guest's kernel has
    // crashed: the agent may have gone down with it. `crashed` must not use the link.
    virtual void shorten_waits_when(std::function<bool()> crashed, Duration patience) = 0;
};

}  // namespace memrig
