#include "probe/gdb_probe.h"

#include <algorithm>
#include <map>

#include "base/assert.h"
#include "base/descriptor.h"
#include "probe/gdb_session.h"
#include "probe/packet.h"
#include "probe/stop_reply.h"
#include "probe/target_description.h"

namespace memrig {

namespace {

constexpr std::size_t kMemoryChunk = 2000;  // bytes per packet: hex doubles them, and the stub's buffer has 4096

class GdbProbe final : public Probe {
public:
    GdbProbe(Descriptor socket, const ProbeOptions& options)
        : session_(std::move(socket), options.answers_by), options_(options) {}

    Status shake_hands(Deadline deadline);

    const Architecture& architecture() const override {
        MEMRIG_ASSERT(layout_ && layout_->arch != nullptr, "the gdbstub has described its registers");
        return *layout_->arch;
    }
    unsigned vcpus() const override { return static_cast<unsigned>(threads_.size()); }
    Status refresh_vcpus() override;
    bool running() const override { return running_; }
    bool steps_over_breakpoints() const override { return options_.steps_over_breakpoints; }
    Result<Registers> registers(unsigned vcpu) override;
    Status set_register(unsigned vcpu, std::string_view name, std::uint64_t value) override;
    Result<std::string> read_memory(unsigned vcpu, std::uint64_t address, std::size_t size) override;
    Result<std::vector<std::uint64_t>> read_words(unsigned vcpu, const std::vector<std::uint64_t>& addresses) override;
    Status write_memory(unsigned vcpu, std::uint64_t address, std::string_view bytes) override;
    Status insert_breakpoint(std::uint64_t address, BreakpointKind kind) override {
        return breakpoint('Z', address, kind);
    }
    Status remove_breakpoint(std::uint64_t address, BreakpointKind kind) override {
        return breakpoint('z', address, kind);
    }
    Status insert_watchpoint(std::uint64_t address, std::size_t size) override {
        return point('Z', fmt::format("2,{:x},{:x}", address, size));
    }
    Status remove_watchpoint(std::uint64_t address, std::size_t size) override {
        return point('z', fmt::format("2,{:x},{:x}", address, size));
    }
    Status resume(const std::set<unsigned>& vcpus) override;
    Status step(unsigned vcpu) override;
    Result<std::optional<Stop>> wait_stop(Deadline deadline, int wake) override;
    Result<Stop> interrupt(Deadline deadline) override;
    Status detach() override;
    std::vector<ProbeLine> transcript() override { return session_.transcript(); }

private:
    // The stub's name for the vCPU. REQUIRES: the vCPU exists.
    [[nodiscard]] const std::string& thread_of(unsigned vcpu) const {
        MEMRIG_ASSERT(vcpu < threads_.size(), "the gdbstub has listed the vCPU");
        return threads_[vcpu];
    }
    // Queues an Hg packet unless `vcpu` is selected already. The packets g, P, m and M act on the selected vCPU.
    void select(unsigned vcpu);
    Status breakpoint(char verb, std::uint64_t address, BreakpointKind kind);
    Status point(char verb, const std::string& what);
    // Under KVM, a breakpoint lies in the guest's memory. Puts what it covers back into what was read at `address`.
    void uncover(std::uint64_t address, std::string& bytes) const;
    Status list_vcpus();
    Status check_step_masks_interrupts();
    // Reads through the page tables of `vcpu`. Returns nothing if `vcpu` sees no memory there.
    Result<std::optional<std::string>> read_part(unsigned vcpu, std::uint64_t address, std::size_t size);
    // Reads kernel memory that `vcpu` does not see because it is in user mode (on some architectures, in QEMU).
    // Reads by physical address where the architecture defines it (linear_map), else through the other vCPUs.
    Result<std::optional<std::string>> read_otherwise(unsigned vcpu, std::uint64_t address, std::size_t size);
    Result<std::string> annex(const std::string& name);
    Result<Stop> parse_stop(std::string_view reply);
    [[nodiscard]] Status must_be_stopped() const {
        return running_ ? fail(Fault::rig, "the probe was asked to look at a running guest") : Status();
    }

    GdbSession session_;
    const ProbeOptions options_;
    std::shared_ptr<const RegisterLayout> layout_;
    std::vector<std::string> threads_;              // by vCPU
    std::set<std::string> inserted_;                // breakpoints and watchpoints, as the Z packets name them
    std::map<std::uint64_t, std::string> covered_;  // by address: what was there before a breakpoint, under KVM
    int selected_ = -1;
    bool running_ = false;
};

void GdbProbe::select(unsigned vcpu) {
    if (selected_ == static_cast<int>(vcpu)) return;
    session_.queue_for_ok("Hg" + thread_of(vcpu));
    selected_ = static_cast<int>(vcpu);
}

Result<std::string> GdbProbe::annex(const std::string& name) {
    std::string text;
    for (;;) {
        MEMRIG_TRY(const std::string part,
                   session_.ask(fmt::format("qXfer:features:read:{}:{:x},ffb", name, text.size())));
        if (part.empty() || (part[0] != 'l' && part[0] != 'm'))
            return fail(Fault::rig, "the gdbstub does not describe its registers ({})", name);
        text += part.substr(1);
        if (part[0] == 'l') return text;
        if (part.size() == 1 || text.size() > (1u << 20)) return fail(Fault::rig, "the gdbstub's {} has no end", name);
    }
}

Status GdbProbe::shake_hands(Deadline) {
    MEMRIG_TRY(std::string features, session_.ask("qSupported:multiprocess+;vContSupported+"));
    // A second client stops a running guest. The stub reports that stop before it answers (gdb_vm_state_change).
    if (features.starts_with('T')) {
        MEMRIG_TRY(features, session_.reply());
    }
    if (features.find("multiprocess+") == std::string::npos)
        return fail(Fault::rig, "the gdbstub knows no vCPUs (no multiprocess+)");
    MEMRIG_TRY(layout_, read_target_description([this](const std::string& name) { return annex(name); }));
    MEMRIG_TRY(const std::string stopped, session_.ask("?"));
    if (stopped.empty() || stopped[0] != 'T')
        return fail(Fault::rig, "the gdbstub answers '{}' to '?'", stopped.substr(0, 64));
    MEMRIG_CHECK(list_vcpus());
    return steps_over_breakpoints() ? Status() : check_step_masks_interrupts();
}

// QEMU's answer lists NOIRQ if the accelerator has it (gdbstub, handle_query_qemu_sstepbits), which a step then uses.
// KVM has it on x86 since Linux 5.15 (KVM_GUESTDBG_BLOCKIRQ).
Status GdbProbe::check_step_masks_interrupts() {
    MEMRIG_TRY(const std::string bits, session_.ask("qqemu.sstepbits"));
    if (bits.find("NOIRQ") != std::string::npos) return {};
    return fail(Fault::host,
                "this accelerator cannot mask interrupts during a single step ('{}'): KVM needs x86 and "
                "Linux 5.15 for that",
                bits.substr(0, 64));
}

Status GdbProbe::list_vcpus() {
    threads_.clear();
    for (std::string verb = "qfThreadInfo";; verb = "qsThreadInfo") {
        MEMRIG_TRY(const std::string list, session_.ask(verb));
        if (list.empty() || list[0] == 'l') break;
        for (std::size_t at = 1; at < list.size() && threads_.size() < 4096;) {
            const std::size_t comma = std::min(list.find(',', at), list.size());
            threads_.push_back(list.substr(at, comma - at));
            at = comma + 1;
        }
    }
    if (threads_.empty()) return fail(Fault::rig, "the gdbstub lists no vCPU");
    return {};
}

Status GdbProbe::refresh_vcpus() {
    MEMRIG_CHECK(must_be_stopped());
    MEMRIG_CHECK(list_vcpus());
    for (const auto& point : inserted_) {
        // QEMU keeps these points per vCPU. It removes them from the old vCPUs, then reports an error for the new one,
        // which has none: the answer is ignored.
        MEMRIG_CHECK(session_.ask("z" + point));
        MEMRIG_CHECK(session_.ask_ok("Z" + point));
    }
    return {};
}

Result<Registers> GdbProbe::registers(unsigned vcpu) {
    MEMRIG_CHECK(must_be_stopped());
    select(vcpu);
    session_.queue("g");
    MEMRIG_CHECK(session_.flush());
    MEMRIG_TRY(const std::string answer, session_.reply());
    auto raw = from_hex(answer);
    if (!raw || raw->size() < 8) return fail(Fault::rig, "the gdbstub sends no registers: '{}'", answer.substr(0, 64));
    return Registers(layout_, *std::move(raw));
}

Status GdbProbe::set_register(unsigned vcpu, std::string_view name, std::uint64_t value) {
    MEMRIG_CHECK(must_be_stopped());
    const RegisterPlace* place = layout_->find(name);
    if (place == nullptr) return fail(Fault::rig, "there is no register {}", name);
    std::string bytes(place->bytes, '\0');
    for (std::size_t i = 0; i < bytes.size() && i < 8; i++) bytes[i] = static_cast<char>(value >> (8 * i));
    // The packet leaves with the next one that is sent, which may be a resume.
    select(vcpu);
    session_.queue_for_ok(fmt::format("P{:x}={}", place->number, to_hex(bytes)));
    return {};
}

Result<std::string> GdbProbe::read_memory(unsigned vcpu, std::uint64_t address, std::size_t size) {
    MEMRIG_CHECK(must_be_stopped());
    if (size > (1u << 20)) return fail(Fault::rig, "the probe was asked to read {} bytes at once", size);
    std::string bytes;
    while (bytes.size() < size) {
        const std::size_t n = std::min(kMemoryChunk, size - bytes.size());
        MEMRIG_TRY(std::optional<std::string> part, read_part(vcpu, address + bytes.size(), n));
        if (!part) {
            MEMRIG_TRY(part, read_otherwise(vcpu, address + bytes.size(), n));
        }
        if (!part) return fail(Fault::guest, "no memory at {:#x}", address + bytes.size());
        bytes += *part;
    }
    uncover(address, bytes);
    return bytes;
}

void GdbProbe::uncover(std::uint64_t address, std::string& bytes) const {
    for (const auto& [at, code] : covered_)
        for (std::size_t i = 0; i < code.size(); i++)
            if (at + i - address < bytes.size()) bytes[at + i - address] = code[i];
}

Result<std::optional<std::string>> GdbProbe::read_part(unsigned vcpu, std::uint64_t address, std::size_t size) {
    MEMRIG_ASSERT(size > 0 && size <= kMemoryChunk, "a part of memory fits into a packet");
    select(vcpu);
    session_.queue(fmt::format("m{:x},{:x}", address, size));
    MEMRIG_CHECK(session_.flush());
    MEMRIG_TRY(const std::string answer, session_.reply());
    auto bytes = from_hex(answer);
    return bytes && bytes->size() == size ? std::move(bytes) : std::nullopt;
}

Result<std::optional<std::string>> GdbProbe::read_otherwise(unsigned vcpu, std::uint64_t address, std::size_t size) {
    const LinearMap& map = layout_->arch->linear_map;
    if (map.contains(address, size)) {
        MEMRIG_CHECK(session_.ask_ok("Qqemu.PhyMemMode:1"));
        MEMRIG_TRY(auto bytes, read_part(vcpu, address - map.base, size));
        MEMRIG_CHECK(session_.ask_ok("Qqemu.PhyMemMode:0"));
        return bytes;
    }
    for (unsigned other = 0; is_kernel_address(address) && other < vcpus(); other++) {
        if (other == vcpu) continue;
        MEMRIG_TRY(auto bytes, read_part(other, address, size));
        if (bytes) return bytes;
    }
    return std::nullopt;
}

Result<std::vector<std::uint64_t>> GdbProbe::read_words(unsigned vcpu, const std::vector<std::uint64_t>& addresses) {
    MEMRIG_CHECK(must_be_stopped());
    select(vcpu);
    for (const auto address : addresses) session_.queue(fmt::format("m{:x},8", address));
    MEMRIG_CHECK(session_.flush());
    std::vector<std::uint64_t> words;
    std::optional<std::uint64_t> absent;
    for (const auto address : addresses) {
        MEMRIG_TRY(const std::string answer, session_.reply());
        const auto bytes = from_hex(answer);
        if (bytes && bytes->size() == 8) words.push_back(little_endian(*bytes));
        else if (!absent) absent = address;  // the remaining answers must still be read
    }
    if (!absent) return words;
    if (!is_kernel_address(*absent)) return fail(Fault::guest, "no memory at {:#x}", *absent);
    words.clear();
    for (const auto address : addresses) {
        MEMRIG_TRY(const std::uint64_t word, read_u64(vcpu, address));
        words.push_back(word);
    }
    return words;
}

Status GdbProbe::write_memory(unsigned vcpu, std::uint64_t address, std::string_view bytes) {
    MEMRIG_CHECK(must_be_stopped());
    select(vcpu);
    session_.queue(fmt::format("M{:x},{:x}:{}", address, bytes.size(), to_hex(bytes)));
    MEMRIG_CHECK(session_.flush());
    MEMRIG_TRY(const std::string answer, session_.reply());
    if (answer != "OK") return fail(Fault::guest, "cannot write memory at {:#x}", address);
    return {};
}

Status GdbProbe::breakpoint(char verb, std::uint64_t address, BreakpointKind kind) {
    if (kind == BreakpointKind::software && !steps_over_breakpoints()) {
        // The kind of a Z0 packet is the size of the breakpoint's instruction.
        if (verb == 'Z') {
            MEMRIG_TRY(covered_[address], read_memory(0, address, layout_->arch->breakpoint_kind));
        } else covered_.erase(address);
    }
    return point(verb, fmt::format("{},{:x},{}", kind == BreakpointKind::software ? 0 : 1, address,
                                   layout_->arch->breakpoint_kind));
}

Status GdbProbe::point(char verb, const std::string& what) {
    MEMRIG_CHECK(must_be_stopped());
    MEMRIG_CHECK(session_.ask_ok(verb + what));
    if (verb == 'Z') inserted_.insert(what);
    else inserted_.erase(what);
    return {};
}

Status GdbProbe::resume(const std::set<unsigned>& vcpus) {
    MEMRIG_CHECK(must_be_stopped());
    if (vcpus.empty()) return fail(Fault::rig, "every vCPU is held: nothing can run");
    std::string payload = "vCont";
    if (vcpus.size() == threads_.size()) payload += ";c";
    else
        for (const unsigned vcpu : vcpus) payload += ";c:" + thread_of(vcpu);
    session_.queue(payload);
    MEMRIG_CHECK(session_.flush());
    running_ = true;
    return session_.take_oks();
}

Status GdbProbe::step(unsigned vcpu) {
    MEMRIG_CHECK(must_be_stopped());
    MEMRIG_TRY(const std::string answer, session_.ask("vCont;s:" + thread_of(vcpu)));
    MEMRIG_TRY(const Stop stop, parse_stop(answer));
    if (stop.cause == StopCause::exited || stop.vcpu != vcpu)
        return fail(Fault::rig, "a single step ended in '{}'", answer.substr(0, 64));
    return {};
}

Result<Stop> GdbProbe::parse_stop(std::string_view text) {
    MEMRIG_TRY(const Stop stop, parse_stop_reply(text, threads_));
    if (stop.cause == StopCause::exited) return stop;
    // QEMU selects the vCPU that stopped (gdbstub, gdb_set_stop_cpu), except after a stop that we asked for.
    selected_ = stop.cause == StopCause::interrupt ? -1 : static_cast<int>(stop.vcpu);
    return stop;
}

Result<std::optional<Stop>> GdbProbe::wait_stop(Deadline deadline, int wake) {
    if (!running_) return fail(Fault::rig, "the probe waits for a stop of a guest that does not run");
    MEMRIG_TRY(const auto packet, session_.receive(deadline, wake));
    if (!packet) return std::nullopt;
    running_ = false;
    MEMRIG_TRY(const Stop stop, parse_stop(*packet));
    if (stop.cause == StopCause::exited) return fail(Fault::rig, "QEMU says that the guest has ended");
    return stop;
}

Result<Stop> GdbProbe::interrupt(Deadline deadline) {
    MEMRIG_CHECK(session_.interrupt());
    MEMRIG_TRY(const auto stop, wait_stop(deadline.earlier(options_.answers_by), -1));
    if (!stop) return fail(Fault::rig, "QEMU did not stop the guest when asked to");
    return *stop;
}

Status GdbProbe::detach() {
    if (running_) MEMRIG_CHECK(interrupt(Deadline::after(GdbSession::kReplyPatience)));
    MEMRIG_CHECK(session_.ask_ok("D;1"));
    session_.close();
    return {};
}

}  // namespace

Result<std::unique_ptr<Probe>> make_gdb_probe(Descriptor socket, Deadline deadline, const ProbeOptions& options) {
    auto probe = std::make_unique<GdbProbe>(std::move(socket), options);
    MEMRIG_CHECK(probe->shake_hands(deadline));
    return probe;
}

Result<std::unique_ptr<Probe>> connect_gdb_probe(const std::string& socket_path, Deadline deadline,
                                                 const ProbeOptions& options) {
    MEMRIG_TRY(Descriptor socket, connect_unix(socket_path, deadline.earlier(options.answers_by)));
    return make_gdb_probe(std::move(socket), deadline, options);
}

}  // namespace memrig
