// Checks rule R10 while a trial runs: a task that writes the figures of a zone or of a node holds mem_hotplug_lock,
// whatever function writes.
//
// "… always hold the mem_hotplug_lock in write mode to serialise memory hotplug (e.g. access to global/zone variables)"
// (Documentation/core-api/memory-hotplug.rst, Locking Internals; include/linux/mmzone.h at zone::present_pages).
//
// The accelerator has to have a watchpoint for each figure, so this needs TCG. Where another vCPU stops the guest at
// the same moment, QEMU does not tell of the write: then it is not checked. Neither is a write of the value that was
// there before.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernel/memory_layout.h"
#include "watch/rules.h"

namespace memrig {

// A word of the kernel that is changed under mem_hotplug_lock alone.
struct HotplugFigure {
    std::uint64_t address = 0;
    std::string name;          // "present_pages"; of a variable its name
    std::string zone;          // "Normal"; empty if it is none of a zone
    unsigned node = 0;         // of a zone or a node
    std::string text() const;  // "present_pages of zone Normal, node 0"
};

enum class ZonesToWatch { all, added };  // every zone, or those that memory can be added to

// Returns where the pglist_data of each node is. Empty if the kernel has no symbol for its nodes (`node_data` or
// `contig_page_data`). REQUIRES: the guest is stopped.
Result<std::map<unsigned, std::uint64_t>> node_places(Probe& probe, const SymbolTable& symbols);

// Returns the figures of all nodes that the kernel has, and the variables max_pfn and high_memory. Empty if the kernel
// has no symbol for its nodes. REQUIRES: the guest is stopped.
Result<std::vector<HotplugFigure>> hotplug_figures(Probe& probe, const SymbolTable& symbols, const MemoryLayout& layout,
                                                   ZonesToWatch zones);

// In force from make() until the conductor removes all watches. The conductor, the ledger and the symbols must outlive
// it. Used on the conductor's thread.
class DataWatch {
public:
    // Watches nothing where `figures` is empty: `gap` says why.
    static Result<std::unique_ptr<DataWatch>> make(Conductor& conductor, const LockLedger& ledger,
                                                   const SymbolTable& symbols, std::vector<HotplugFigure> figures,
                                                   const std::string& gap);

    // Watches no more, and notes a gap. A page with a watchpoint is slow, and so is a guest that goes round in a loop
    // over its zones.
    Status end();
    [[nodiscard]] const std::vector<RuleBreach>& breaches() const { return breaches_; }
    // Returns how often a figure was written by a task that held the lock.
    [[nodiscard]] std::uint64_t checks() const { return checks_; }
    [[nodiscard]] const std::vector<RuleGap>& gaps() const { return gaps_; }

private:
    DataWatch(Conductor& conductor, const LockLedger& ledger, const SymbolTable& symbols)
        : conductor_(conductor), ledger_(ledger), symbols_(symbols), paths_(symbols) {}
    // Reads all figures at each stop. QEMU reports one of several vCPUs that stop at once, and the hits of the others
    // when they come to the page of a watchpoint the next time (cpu->watchpoint_hit, accel/tcg/watchpoint.c). So a hit
    // counts as a write only where the figure has changed since the last stop.
    Status at_stop(const Arrival& stop);
    Result<std::map<std::uint64_t, std::uint64_t>> read_all(unsigned vcpu);
    Status at_write(const HotplugFigure& figure, const Arrival& write);
    // Where two vCPUs stop at once, QEMU may name the one that did not write (seen: refresh_cpu_vm_stats() on 7.2). So
    // a write breaks the rule only if no task at all holds the lock.
    [[nodiscard]] bool is_held_by_a_writer() const;

    Conductor& conductor_;
    const LockLedger& ledger_;
    const SymbolTable& symbols_;
    CallPaths paths_;
    std::map<std::uint64_t, HotplugFigure> figures_;  // by address
    std::map<std::uint64_t, std::uint64_t> values_;   // what they were at the last stop
    Subscription stops_;
    std::vector<RuleBreach> breaches_;
    std::vector<RuleGap> gaps_;
    std::uint64_t checks_ = 0;
};

}  // namespace memrig
