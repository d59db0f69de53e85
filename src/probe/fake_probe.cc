#include "probe/fake_probe.h"

#include <algorithm>

namespace memrig {

FakeProbe::FakeProbe(const Architecture& architecture, unsigned vcpus) : architecture_(architecture), state_(vcpus) {
    auto layout = std::make_shared<RegisterLayout>();
    layout->arch = &architecture;
    std::vector<std::string_view> names(architecture.arguments.begin(), architecture.arguments.end());
    names.insert(names.end(), {architecture.pc, architecture.sp, architecture.return_value});
    if (!architecture.link.empty()) names.push_back(architecture.link);
    names.insert(names.end(), architecture.scratch.begin(), architecture.scratch.end());
    names.insert(names.end(), architecture.preserved.begin(), architecture.preserved.end());
    std::ranges::sort(names);
    names.erase(std::ranges::unique(names).begin(), names.end());
    for (const auto name : names) {
        const auto number = static_cast<unsigned>(layout->places.size());
        layout->places.emplace(name, RegisterPlace{number, number * std::size_t{8}, 8});
    }
    layout_ = layout;
}

void FakeProbe::will_stop(unsigned vcpu, std::uint64_t pc, std::map<std::string, std::uint64_t> registers) {
    script_.push_back({vcpu, pc, std::move(registers), {}});
}

void FakeProbe::will_write(unsigned vcpu, std::uint64_t pc, std::uint64_t address, std::uint64_t value,
                           std::map<std::string, std::uint64_t> registers) {
    script_.push_back({vcpu, pc, std::move(registers), std::pair(address, value)});
}

void FakeProbe::will_be_cut(unsigned vcpu, std::uint64_t pc, std::map<std::string, std::uint64_t> registers) {
    cut_ = {vcpu, pc, std::move(registers), {}};
}

void FakeProbe::will_go_round(unsigned vcpu, std::uint64_t pc,
                              std::function<std::map<std::string, std::uint64_t>(unsigned)> registers) {
    round_ = {vcpu, pc, std::move(registers)};
}

void FakeProbe::poke_u64(std::uint64_t address, std::uint64_t value) {
    for (unsigned i = 0; i < 8; i++) memory_[address + i] = static_cast<char>(value >> (8 * i));
}

Result<Registers> FakeProbe::registers(unsigned vcpu) {
    if (running_) return fail(Fault::rig, "fake: the guest runs");
    Registers registers(layout_, std::string(layout_->places.size() * 8, '\0'));
    for (const auto& [name, value] : state_.at(vcpu)) registers.set(name, value);
    return registers;
}

Status FakeProbe::set_register(unsigned vcpu, std::string_view name, std::uint64_t value) {
    state_.at(vcpu)[std::string(name)] = value;
    return {};
}

Result<std::string> FakeProbe::read_memory(unsigned, std::uint64_t address, std::size_t size) {
    const auto hole = absent.lower_bound(address);
    if (hole != absent.end() && *hole - address < size) return fail(Fault::guest, "no memory at {:#x}", *hole);
    std::string bytes;
    for (std::size_t i = 0; i < size; i++) {
        const auto found = memory_.find(address + i);
        bytes += found == memory_.end() ? '\0' : found->second;
    }
    return bytes;
}

Status FakeProbe::write_memory(unsigned, std::uint64_t address, std::string_view bytes) {
    for (std::size_t i = 0; i < bytes.size(); i++) memory_[address + i] = bytes[i];
    return {};
}

Status FakeProbe::insert_breakpoint(std::uint64_t address, BreakpointKind) {
    breakpoints.insert(address);
    return {};
}

Status FakeProbe::remove_breakpoint(std::uint64_t address, BreakpointKind) {
    breakpoints.erase(address);
    return {};
}

Status FakeProbe::insert_watchpoint(std::uint64_t address, std::size_t) {
    watchpoints.insert(address);
    return {};
}

Status FakeProbe::remove_watchpoint(std::uint64_t address, std::size_t) {
    watchpoints.erase(address);
    return {};
}

Status FakeProbe::resume(const std::set<unsigned>& vcpus) {
    resumed.push_back(vcpus);
    inserted_at_resume.push_back(breakpoints);
    moving_ = vcpus;
    running_ = true;
    return {};
}

Status FakeProbe::step(unsigned vcpu) {
    stepped.push_back(vcpu);
    if (idle_steps > 0) return idle_steps--, Status();
    auto& pc = state_.at(vcpu)[std::string(architecture_.pc)];
    if (steps_over || !breakpoints.contains(pc)) pc += step_bytes;
    return {};
}

Result<std::optional<Stop>> FakeProbe::wait_stop(Deadline, int) {
    // A vCPU that is resumed on a breakpoint stops there again at once.
    for (const unsigned vcpu : moving_) {
        if (breakpoints.contains(state_[vcpu][std::string(architecture_.pc)])) {
            running_ = false;
            return Stop{vcpu, StopCause::breakpoint, 0};
        }
    }
    const auto next =
        std::ranges::find_if(script_, [this](const Scripted& stop) { return moving_.contains(stop.vcpu); });
    if (next == script_.end()) {
        if (!round_ || !moving_.contains(round_->vcpu) || !breakpoints.contains(round_->pc)) return std::nullopt;
        return arrive({round_->vcpu, round_->pc, round_->registers(round_->times++), {}});
    }
    const Scripted scripted = *next;
    script_.erase(next);
    return arrive(scripted);
}

Stop FakeProbe::arrive(const Scripted& scripted) {
    auto& registers = state_.at(scripted.vcpu);
    for (const auto& [name, value] : scripted.registers) registers[name] = value;
    registers[std::string(architecture_.pc)] = scripted.pc;
    running_ = false;
    if (!scripted.write) return Stop{scripted.vcpu, StopCause::breakpoint, 0};
    const auto [address, value] = *scripted.write;
    poke_u64(address, value);
    return Stop{scripted.vcpu, StopCause::watchpoint, address};
}

Result<Stop> FakeProbe::interrupt(Deadline) {
    if (cut_) return arrive(*std::exchange(cut_, std::nullopt));
    running_ = false;
    return Stop{0, StopCause::interrupt, 0};
}

}  // namespace memrig
