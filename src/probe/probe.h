// The probe: the guest's vCPUs held, stepped, read and changed from outside, through QEMU's gdbstub.
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
    std::uint64_t watched = 0;  // of a watchpoint: the address that it was inserted at
};

enum class BreakpointKind { software, hardware };

struct ProbeLine {
    SteadyTime at;
    bool sent = false;
    std::string text;
};

// While the guest runs, only wait_stop() and interrupt() may be called: the stub would take anything else as a wish to stop.
// All vCPUs stop together; each is resumed or left where it is. vCPUs count from 0, as QEMU's cpu-index does.
// Not thread-safe: one thread drives it, and no lock and no interpreter stands between a stop and its resume.
class Probe {
public:
    virtual ~Probe() = default;

    [[nodiscard]] virtual const Architecture& architecture() const = 0;
    [[nodiscard]] virtual unsigned vcpus() const = 0;
    // After a vCPU was plugged, while the guest stands still: from then on the probe knows it, and it stops where all others do.
    virtual Status refresh_vcpus() = 0;
    [[nodiscard]] virtual bool running() const = 0;

    virtual Result<Registers> registers(unsigned vcpu) = 0;
    virtual Status set_register(unsigned vcpu, std::string_view name, std::uint64_t value) = 0;
    // Kernel virtual addresses, through `vcpu`'s page tables. At most 1 MiB at a time.
    virtual Result<std::string> read_memory(unsigned vcpu, std::uint64_t address, std::size_t size) = 0;
    // 8 bytes at each of the addresses, in one trip.
    virtual Result<std::vector<std::uint64_t>> read_words(unsigned vcpu, const std::vector<std::uint64_t>& addresses);
    virtual Status write_memory(unsigned vcpu, std::uint64_t address, std::string_view bytes) = 0;
    virtual Status insert_breakpoint(std::uint64_t address, BreakpointKind kind) = 0;
    virtual Status remove_breakpoint(std::uint64_t address, BreakpointKind kind) = 0;

    // Stops behind every instruction that writes to these bytes, also an atomic one that leaves them as they were.
    virtual Status insert_watchpoint(std::uint64_t address, std::size_t size) = 0;
    virtual Status remove_watchpoint(std::uint64_t address, std::size_t size) = 0;

    // Resumes the vCPUs named; the others stay held. Returns at once.
    virtual Status resume(const std::set<unsigned>& vcpus) = 0;
    // Runs one instruction of one vCPU, with interrupts masked, all others still; or none: QEMU may come back before it.
    virtual Status step(unsigned vcpu) = 0;
    // The next stop; nothing at the deadline, or when `wake` (a descriptor, -1 for none) became readable first.
    virtual Result<std::optional<Stop>> wait_stop(Deadline deadline, int wake) = 0;
    // Stops a running guest. A breakpoint that was hit meanwhile may be what is returned.
    virtual Result<Stop> interrupt(Deadline deadline) = 0;

    // Lets go: removes nothing, resumes all, closes.
    virtual Status detach() = 0;
    virtual std::vector<ProbeLine> transcript() = 0;

    // Little-endian; 8 bytes.
    Result<std::uint64_t> read_u64(unsigned vcpu, std::uint64_t address);
};

}  // namespace memrig
