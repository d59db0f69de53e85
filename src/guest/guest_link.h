// The interface to the agent in the guest: the requests to it, and the reports that it sends by itself.
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

// The agent's greeting, which describes the agent and its kernel.
struct AgentHello {
    unsigned protocol = 0;
    std::string release;                // uname -r
    std::string machine;                // uname -m
    std::uint64_t block_bytes = 0;      // size of a memory block; 0 if the kernel has no memory hotplug
    unsigned cpus = 0;                  // vCPUs online
    std::vector<std::string> warnings;  // failures of the agent's setup, such as a module that did not load
};

// A memory block as sysfs shows it (/sys/devices/system/memory/memoryN).
struct MemoryBlock {
    std::uint64_t id = 0;
    std::string state;        // "online", "offline", "going-offline"
    std::string valid_zones;  // as read; the first word is the zone of an online block
    int node = -1;            // from the block's nodeN link; -1 if there is none
    bool removable = false;
};

struct ZoneFigures {
    int node = 0;
    std::string zone;  // "Normal", "Movable", ...
    std::uint64_t present = 0, managed = 0, spanned = 0, free = 0, start_pfn = 0;
};

struct MemoryFigures {
    std::vector<ZoneFigures> zones;                    // from /proc/zoneinfo; pages
    std::map<std::string, std::uint64_t> meminfo;      // from /proc/meminfo; kB, "MemTotal" and the like
    std::map<std::string, std::uint64_t> vmstat = {};  // nr_memmap_pages and its kin; empty: not counted
    // The lists of nodes as sysfs has them ("0-1"), by their file: has_memory, has_normal_memory, online. Empty on a
    // kernel without NUMA.
    std::map<std::string, std::string> nodes = {};
    std::uint64_t page_bytes = 4096;
    // By the name of each fill_memory(): how often a page did not have what the agent had written to it. All of its
    // pages were looked at for this answer.
    std::map<std::string, std::uint64_t> lost_pages = {};
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
    std::vector<std::string> stack;  // empty if the kernel does not show /proc/PID/stack
    // The context switches of the task so far. A task that sleeps on, without having been woken in between, has the
    // same numbers.
    std::uint64_t voluntary = 0, involuntary = 0;
};

// The agent's look at all blocked tasks. The times are those of the guest's CLOCK_MONOTONIC in milliseconds. This clock
// stands while the guest is stopped.
struct BlockedTasks {
    std::vector<BlockedTask> tasks;
    std::uint64_t begin_ms = 0, end_ms = 0;
};

enum class WriterTrigger {
    now,    // writes to each block once; all must exist
    spin,   // tries to open the attribute until it exists
    uevent  // waits for the block's KOBJ_ADD uevent
};

struct WriterSpec {
    std::string name;  // [a-z0-9-]{1,32}, chosen by the caller
    unsigned cpu = 0;  // the vCPU it is pinned to
    std::uint64_t first_block = 0, last_block = 0;
    std::string attribute = "state";  // or "online"
    std::string value = "online";     // "online_kernel", "online_movable", "offline"; "1" or "0" for `online`
    WriterTrigger trigger = WriterTrigger::now;
    std::string path = {};  // if not empty: writes once, to this file below /sys/, instead of to blocks
    unsigned repeat = 1;    // does its work so often, and reports the last time alone
};

// The memory that an armed writer spins on. It belongs to the agent and is locked. The probe writes to it while the
// guest stands still, through the writer's vCPU. The guest's kernel takes no part, so this works while another vCPU is
// held. A request on the link would not work: what a tty receives goes through a workqueue.
struct Doorbell {
    static constexpr std::uint64_t magic = 0x6c6c6562726f6f64;  // at `address` once the writer spins
    // After the magic come the first block, the last block, and the bell (not 0: go): 8 bytes each, little-endian.
    std::uint64_t address = 0;
};

// One write that a writer made. `error`: the errno, or 0.
struct WriterReport {
    std::string writer;
    std::uint64_t block = 0;
    int error = 0;
    SteadyTime seen;  // when the report reached the host
};

// The result of pass_time().
struct PassedTime {
    unsigned cpus = 0;  // on so many a timer expired
    bool rcu = false;   // a grace period passed; false: the kernel has no membarrier() (CONFIG_MEMBARRIER)
};

// A request waits for its reply until the deadline, and then fails with Fault::guest; Fault::rig if the channel is
// gone. Thread-safe: one request at a time is on the wire, others wait for their turn.
class GuestLink {
public:
    virtual ~GuestLink() = default;

    // Resynchronises and returns the agent's greeting. Needed after boot (the agent greets by itself) and after a
    // restore.
    virtual Result<AgentHello> hello(Deadline deadline) = 0;
    // Every symbol with one of these names, in the order of /proc/kallsyms, modules included. A name may have a suffix
    // such as ".isra.0", ".constprop.0" or ".part.0", but not ".cold". An empty list stands for all symbols of the
    // kernel proper, without modules, padding (__pfx_*) and export tables (__ksymtab_*).
    virtual Result<std::vector<GuestSymbol>> symbols(const std::vector<std::string>& names, Deadline deadline) = 0;
    virtual Result<std::vector<MemoryBlock>> blocks(Deadline deadline) = 0;
    virtual Result<MemoryFigures> memory(Deadline deadline) = 0;
    // Objects in use by slab cache, after each cache has released its unused slabs. Empty if the kernel does not count
    // them (/proc/slabinfo: CONFIG_SLUB_DEBUG).
    virtual Result<std::map<std::string, std::uint64_t>> slabs(Deadline deadline) = 0;
    virtual Result<BlockedTasks> blocked_tasks(Deadline deadline) = 0;
    // Lets a timer expire on each CPU, and then waits for a grace period of RCU. Does not come back before the deadline
    // where timers or RCU stand still, as they may in a restored guest; the agent is of no use then. REQUIRES: no vCPU
    // is held.
    virtual Result<PassedTime> pass_time(Deadline deadline) = 0;
    // Pins one page of the agent that lies in one of these blocks, until unpin_page() of the same `name`
    // ([a-z0-9-]{1,32}). Returns its page frame number. Offlining its block waits for the page. Fails if the kernel
    // gives the agent no page of these blocks.
    virtual Result<std::uint64_t> pin_page(const std::string& name, std::uint64_t first_block, std::uint64_t last_block,
                                           Deadline deadline) = 0;
    virtual Status unpin_page(const std::string& name, Deadline deadline) = 0;
    // Fills so much memory with pages of the agent, and writes to them until the guest ends. Returns how many of the
    // pages lie in these blocks. Fails with ENOMEM if there is too little free memory.
    virtual Result<std::uint64_t> fill_memory(const std::string& name, std::uint64_t bytes, std::uint64_t first_block,
                                              std::uint64_t last_block, Deadline deadline) = 0;
    virtual Status start_writer(const WriterSpec& spec, Deadline deadline) = 0;
    // The same, but the writer waits for its doorbell, which then names the blocks: at most
    // `last_block - first_block + 1` of them.
    virtual Result<Doorbell> arm_writer(const WriterSpec& spec, Deadline deadline) = 0;
    // Stops the writer after its current write, if there is one. Does not wait for that.
    virtual Status stop_writer(const std::string& name, Deadline deadline) = 0;
    // The writes that all writers have reported so far, oldest first. Never fails, never waits.
    virtual std::vector<WriterReport> writes() = 0;
    // Waits until more than `seen` writes have been reported. Returns false at the deadline.
    virtual Result<bool> wait_writes(std::size_t seen, Deadline deadline) = 0;
    // Reads at most 1 MiB. Errors name the guest's errno.
    virtual Result<std::string> read_guest_file(const std::string& path, Deadline deadline) = 0;
    virtual Status write_guest_file(const std::string& path, const std::string& text, Deadline deadline) = 0;
    // Writes one letter or digit to /proc/sysrq-trigger. The output goes to the console.
    virtual Status sysrq(char key, Deadline deadline) = 0;
    virtual Status power_off(Deadline deadline) = 0;
    // Readable if the agent has reported something since the last writes(). For polling together with the probe.
    virtual int descriptor() const = 0;
    // Waits for replies call `crashed` now and then. Once it says that the guest's kernel has crashed, they wait only
    // `patience` longer, since the agent may be dead too. `crashed` must not use the link.
    virtual void shorten_waits_when(std::function<bool()> crashed, Duration patience) = 0;
};

}  // namespace memrig
