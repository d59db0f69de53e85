// The probe holds, steps, reads and changes the guest's vCPUs from outside, through QEMU's gdbstub.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "probe/registers.h"

namespace memrig {

enum class StopCause { breakpoint, step, watchpoint, interrupt, exited };

struct Stop {
    unsigned vcpu = 0;
    StopCause cause = StopCause::breakpoint;
    std::uint64_t watched = 0;  // for a watchpoint: the address that it was inserted at
};

enum class BreakpointKind { software, hardware };

struct ProbeLine {
    SteadyTime at;
    bool sent = false;
    std::string text;
};

// While the guest runs, only wait_stop() and interrupt() may be called: the stub takes anything else as a request to
// stop. All vCPUs stop together. Each of them is then resumed or left where it is. vCPUs count from 0, like QEMU's
// cpu-index. Not thread-safe: one thread drives it, without a lock or an interpreter between a stop and its resume.
class Probe {
public:
    virtual ~Probe() = default;

    [[nodiscard]] virtual const Architecture& architecture() const = 0;
    [[nodiscard]] virtual unsigned vcpus() const = 0;
    // Makes the probe know a vCPU that was plugged. From then on, it stops where all others do. REQUIRES: the guest is
    // stopped.
    virtual Status refresh_vcpus() = 0;
    [[nodiscard]] virtual bool running() const = 0;
    // True if a single step runs the instruction at an inserted breakpoint, as under TCG. False if such a step stops at
    // the breakpoint again, as under KVM: remove the breakpoint for the step.
    [[nodiscard]] virtual bool steps_over_breakpoints() const = 0;

    virtual Result<Registers> registers(unsigned vcpu) = 0;
    virtual Status set_register(unsigned vcpu, std::string_view name, std::uint64_t value) = 0;
    // Reads at a kernel virtual address, through the page tables of `vcpu`. At most 1 MiB at a time. Fault::guest if
    // there is no memory.
    virtual Result<std::string> read_memory(unsigned vcpu, std::uint64_t address, std::size_t size) = 0;
    // Reads 8 bytes at each of the addresses, in one trip.
    virtual Result<std::vector<std::uint64_t>> read_words(unsigned vcpu, const std::vector<std::uint64_t>& addresses);
    virtual Status write_memory(unsigned vcpu, std::uint64_t address, std::string_view bytes) = 0;
    virtual Status insert_breakpoint(std::uint64_t address, BreakpointKind kind) = 0;
    virtual Status remove_breakpoint(std::uint64_t address, BreakpointKind kind) = 0;

    // Stops behind every instruction that writes to these bytes, even if it is atomic and does not change them.
    virtual Status insert_watchpoint(std::uint64_t address, std::size_t size) = 0;
    virtual Status remove_watchpoint(std::uint64_t address, std::size_t size) = 0;

    // Resumes these vCPUs and returns at once. The other vCPUs stay held.
    virtual Status resume(const std::set<unsigned>& vcpus) = 0;
    // Runs one instruction of one vCPU, with interrupts masked, while all others stay stopped. QEMU may return before
    // the instruction has run.
    virtual Status step(unsigned vcpu) = 0;
    // Returns the next stop, or nothing if `deadline` passed or the descriptor `wake` (-1: none) became readable first.
    virtual Result<std::optional<Stop>> wait_stop(Deadline deadline, int wake) = 0;
    // Stops a running guest. May return the stop of a breakpoint that was hit meanwhile.
    virtual Result<Stop> interrupt(Deadline deadline) = 0;

    // Resumes all vCPUs and closes the connection. Removes no breakpoints or watchpoints.
    virtual Status detach() = 0;
    virtual std::vector<ProbeLine> transcript() = 0;

    // Reads a little-endian number of 8 bytes.
    Result<std::uint64_t> read_u64(unsigned vcpu, std::uint64_t address);
};

}  // namespace memrig
