// Provides a Probe without a guest for unit tests: memory and registers are maps, and stops are scripted.
#pragma once

#include <deque>
#include <functional>
#include <map>

#include "probe/probe.h"

namespace memrig {

// Behaves like QEMU's gdbstub as far as the conductor can see. A vCPU that is not resumed does not move. A step moves
// pc by one instruction (`step_bytes`). A breakpoint that is not passed is hit again. It behaves as under TCG, or as
// under KVM if `steps_over` is false.
class FakeProbe final : public Probe {
public:
    FakeProbe(const Architecture& architecture, unsigned vcpus);

    // Queues a stop for wait_stop(): `vcpu` is then at `pc`. The stop stays queued while its vCPU is held.
    void will_stop(unsigned vcpu, std::uint64_t pc, std::map<std::string, std::uint64_t> registers = {});
    // Makes the next interrupt() find that `vcpu` has just come to `pc`.
    void will_be_cut(unsigned vcpu, std::uint64_t pc, std::map<std::string, std::uint64_t> registers = {});
    // Queues a stop for a write to a watched address: `pc` is behind the instruction, and the memory has the new value.
    void will_write(unsigned vcpu, std::uint64_t pc, std::uint64_t address, std::uint64_t value,
                    std::map<std::string, std::uint64_t> registers = {});
    // From now on `vcpu` comes to `pc` again and again, whenever there is a breakpoint and nothing else is scripted.
    // `registers` returns what it has then, for the times from 0 on.
    void will_go_round(unsigned vcpu, std::uint64_t pc,
                       std::function<std::map<std::string, std::uint64_t>(unsigned time)> registers);
    void poke_u64(std::uint64_t address, std::uint64_t value);

    const Architecture& architecture() const override { return architecture_; }
    unsigned vcpus() const override { return static_cast<unsigned>(state_.size()); }
    Status refresh_vcpus() override { return {}; }
    bool running() const override { return running_; }
    bool steps_over_breakpoints() const override { return steps_over; }
    Result<Registers> registers(unsigned vcpu) override;
    Status set_register(unsigned vcpu, std::string_view name, std::uint64_t value) override;
    Result<std::string> read_memory(unsigned vcpu, std::uint64_t address, std::size_t size) override;
    Status write_memory(unsigned vcpu, std::uint64_t address, std::string_view bytes) override;
    Status insert_breakpoint(std::uint64_t address, BreakpointKind kind) override;
    Status remove_breakpoint(std::uint64_t address, BreakpointKind kind) override;
    Status insert_watchpoint(std::uint64_t address, std::size_t size) override;
    Status remove_watchpoint(std::uint64_t address, std::size_t size) override;
    Status resume(const std::set<unsigned>& vcpus) override;
    Status step(unsigned vcpu) override;
    Result<std::optional<Stop>> wait_stop(Deadline deadline, int wake) override;
    Result<Stop> interrupt(Deadline deadline) override;
    Status detach() override { return {}; }
    std::vector<ProbeLine> transcript() override { return {}; }

    std::set<std::uint64_t> breakpoints, watchpoints;
    std::set<std::uint64_t> absent;                           // addresses that cannot be read
    std::vector<std::set<unsigned>> resumed;                  // the vCPUs of each resume(), in order
    std::vector<std::set<std::uint64_t>> inserted_at_resume;  // the breakpoints at each resume(), in order
    std::vector<unsigned> stepped;
    bool steps_over = true;  // false: a step at an inserted breakpoint does not move pc
    std::uint64_t step_bytes = 4;
    unsigned idle_steps = 0;  // how many of the next steps do not move pc

private:
    struct Scripted {
        unsigned vcpu;
        std::uint64_t pc;
        std::map<std::string, std::uint64_t> registers;
        std::optional<std::pair<std::uint64_t, std::uint64_t>> write;  // address and value
    };
    Stop arrive(const Scripted& scripted);
    const Architecture& architecture_;
    std::shared_ptr<const RegisterLayout> layout_;
    std::vector<std::map<std::string, std::uint64_t, std::less<>>> state_;
    std::map<std::uint64_t, char> memory_;
    std::deque<Scripted> script_;
    std::optional<Scripted> cut_;
    struct Round {
        unsigned vcpu;
        std::uint64_t pc;
        std::function<std::map<std::string, std::uint64_t>(unsigned)> registers;
        unsigned times = 0;
    };
    std::optional<Round> round_;
    std::set<unsigned> moving_;
    bool running_ = false;
};

}  // namespace memrig
