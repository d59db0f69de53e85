// A probe that hands everything on to a real one. Tests override what is to go wrong.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "probe/probe.h"

namespace memrig::test {

class ProbeWrapper : public Probe {
public:
    explicit ProbeWrapper(Probe& probe) : probe_(probe) {}
    const Architecture& architecture() const override { return probe_.architecture(); }
    unsigned vcpus() const override { return probe_.vcpus(); }
    Status refresh_vcpus() override { return probe_.refresh_vcpus(); }
    bool running() const override { return probe_.running(); }
    bool steps_over_breakpoints() const override { return probe_.steps_over_breakpoints(); }
    Result<Registers> registers(unsigned vcpu) override { return probe_.registers(vcpu); }
    Status set_register(unsigned vcpu, std::string_view name, std::uint64_t value) override {
        return probe_.set_register(vcpu, name, value);
    }
    Result<std::string> read_memory(unsigned vcpu, std::uint64_t address, std::size_t size) override {
        return probe_.read_memory(vcpu, address, size);
    }
    Result<std::vector<std::uint64_t>> read_words(unsigned vcpu, const std::vector<std::uint64_t>& addresses) override {
        return probe_.read_words(vcpu, addresses);
    }
    Status write_memory(unsigned vcpu, std::uint64_t address, std::string_view bytes) override {
        return probe_.write_memory(vcpu, address, bytes);
    }
    Status insert_breakpoint(std::uint64_t address, BreakpointKind kind) override {
        return probe_.insert_breakpoint(address, kind);
    }
    Status remove_breakpoint(std::uint64_t address, BreakpointKind kind) override {
        return probe_.remove_breakpoint(address, kind);
    }
    Status insert_watchpoint(std::uint64_t address, std::size_t size) override {
        return probe_.insert_watchpoint(address, size);
    }
    Status remove_watchpoint(std::uint64_t address, std::size_t size) override {
        return probe_.remove_watchpoint(address, size);
    }
    Status resume(const std::set<unsigned>& vcpus) override { return probe_.resume(vcpus); }
    Status step(unsigned vcpu) override { return probe_.step(vcpu); }
    Result<std::optional<Stop>> wait_stop(Deadline deadline, int wake) override {
        return probe_.wait_stop(deadline, wake);
    }
    Result<Stop> interrupt(Deadline deadline) override { return probe_.interrupt(deadline); }
    Status detach() override { return probe_.detach(); }
    std::vector<ProbeLine> transcript() override { return probe_.transcript(); }

protected:
    Probe& probe_;
};

}  // namespace memrig::test
