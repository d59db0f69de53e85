#include "machine/probe_proof.h"

#include <algorithm>
#include <array>
#include <memory>

#include "probe/conductor.h"
#include "probe/function_watch.h"

namespace memrig {

namespace {

constexpr unsigned kHeld = 1, kRunning = 2;  // the vCPUs of the two tasks
constexpr unsigned kRounds = 16;
// No machine has so much memory, so the tasks look for this block for ever.
constexpr std::uint64_t kNoBlock = 1'000'000'000;
// The entry of fstatat(2), with which a writer looks for its block: it is in the table of system calls, so that it is
// never inlined. One name for each architecture, then that of kernels without wrappers of system calls.
constexpr std::array kFunctions = {"__x64_sys_newfstatat", "__arm64_sys_newfstatat", "sys_newfstatat"};

// A task that goes round and round through the watched function.
struct Spinner {
    bool inside = false;
    unsigned rounds = 0;  // calls that have returned
    std::uint64_t sp = 0;
};

class ProbeProof {
public:
    ProbeProof(Machine& machine, Deadline deadline) : machine_(machine), deadline_(deadline) {}
    Status run();

private:
    Status start_spinners();
    // Watches the first instruction of the function that is not a nop: a nop is passed without a step.
    Status watch_place();
    Status pass_breakpoints();
    Status hold_one();
    Status see_write();
    Result<Response> enter(const Arrival& arrival);
    Status leave(const Arrival& arrival);
    // Runs the guest until `done`. An error with the text `missed` at the deadline, however often the guest stops.
    Status run_to(const std::function<bool()>& done, const std::string& missed);
    [[nodiscard]] Status must_not_be_held(unsigned vcpu) const {
        return conductor_->held().contains(vcpu) ? fail(Fault::rig, "vCPU {} runs on although it is held", vcpu)
                                                 : Status();
    }

    Machine& machine_;
    const Deadline deadline_;
    Probe* probe_ = nullptr;
    std::unique_ptr<Conductor> conductor_;
    SymbolTable symbols_;
    std::uint64_t place_ = 0;
    bool wants_hold_ = false;  // kHeld is to be held when it comes to the place
    std::array<Spinner, 3> spinners_{};
};

Status ProbeProof::start_spinners() {
    MEMRIG_TRY(const auto found, machine_.agent().symbols({kFunctions.begin(), kFunctions.end()}, deadline_));
    std::vector<Symbol> symbols;
    for (const auto& symbol : found) symbols.push_back({symbol.address, symbol.type, symbol.name});
    symbols_ = SymbolTable(std::move(symbols));
    for (const unsigned vcpu : {kHeld, kRunning}) {
        WriterSpec spec;
        spec.name = fmt::format("spinner-{}", vcpu);
        spec.cpu = vcpu;
        spec.first_block = spec.last_block = kNoBlock;
        spec.trigger = WriterTrigger::spin;
        MEMRIG_CHECK(machine_.agent().start_writer(spec, deadline_));
    }
    return {};
}

Status ProbeProof::watch_place() {
    const auto* const function =
        std::ranges::find_if(kFunctions, [&](const char* name) { return !symbols_.all(name).empty(); });
    if (function == kFunctions.end()) return fail(Fault::guest, "this kernel has no function for fstatat(2)");
    MEMRIG_TRY(const auto entries, entries_of(*probe_, symbols_, *function));
    place_ = entries.front();
    const Architecture& arch = probe_->architecture();
    for (std::size_t nop = arch.longest_nop; nop > 0; place_ += nop) {
        MEMRIG_TRY(const std::string code, probe_->read_memory(0, place_, arch.longest_nop));
        nop = arch.nop_length(code);
    }
    const auto watched = conductor_->watch(place_, [this](const Arrival& arrival) { return enter(arrival); });
    return watched ? Status() : std::unexpected(watched.error());
}

Result<Response> ProbeProof::enter(const Arrival& arrival) {
    if (arrival.vcpu != kHeld && arrival.vcpu != kRunning) return Response::pass();
    MEMRIG_CHECK(must_not_be_held(arrival.vcpu));
    Spinner& spinner = spinners_.at(arrival.vcpu);
    if (spinner.inside)
        return fail(Fault::rig, "vCPU {} comes to the breakpoint at {:#x} again without a round in between",
                    arrival.vcpu, place_);
    spinner.inside = true;
    spinner.sp = arrival.registers.sp();
    MEMRIG_CHECK(conductor_->on_return(arrival, [this](const Arrival& back, std::uint64_t) { return leave(back); }));
    return wants_hold_ && arrival.vcpu == kHeld ? Response::hold() : Response::pass();
}

Status ProbeProof::leave(const Arrival& arrival) {
    MEMRIG_CHECK(must_not_be_held(arrival.vcpu));
    Spinner& spinner = spinners_.at(arrival.vcpu);
    spinner.inside = false;
    spinner.rounds++;
    return {};
}

Status ProbeProof::run_to(const std::function<bool()>& done, const std::string& missed) {
    MEMRIG_TRY(const RunEnd end, conductor_->run_until([&] { return done() || deadline_.expired(); }, deadline_));
    if (end == RunEnd::expired || !done()) return fail(Fault::rig, "{}", missed);
    return conductor_->pause();
}

Status ProbeProof::pass_breakpoints() {
    return run_to([&] { return spinners_[kHeld].rounds >= kRounds && spinners_[kRunning].rounds >= kRounds; },
                  fmt::format("vCPUs {} and {} do not go on from one breakpoint to the next", kHeld, kRunning));
}

Status ProbeProof::hold_one() {
    wants_hold_ = true;
    MEMRIG_CHECK(run_to([&] { return conductor_->held().contains(kHeld); },
                        fmt::format("vCPU {} did not come to its breakpoint to be held", kHeld)));
    const Spinner held = spinners_[kHeld];
    const unsigned before = spinners_[kRunning].rounds;
    MEMRIG_CHECK(run_to([&] { return spinners_[kRunning].rounds >= before + kRounds; },
                        fmt::format("vCPU {} does not run on beside vCPU {}, which is held", kRunning, kHeld)));
    MEMRIG_TRY(const Registers registers, probe_->registers(kHeld));
    if (registers.pc() != place_ || registers.sp() != held.sp || spinners_[kHeld].rounds != held.rounds)
        return fail(Fault::rig, "vCPU {} moved to {:#x} while it was held", kHeld, registers.pc());
    wants_hold_ = false;
    conductor_->release(kHeld);
    return run_to([&] { return spinners_[kHeld].rounds > held.rounds; },
                  fmt::format("vCPU {} does not go on after it was released", kHeld));
}

// The word at the stack pointer is the return address on x86. Elsewhere it belongs to the frame record of the caller.
// Each round writes to it.
Status ProbeProof::see_write() {
    MEMRIG_CHECK(conductor_->unwatch_all());
    const std::uint64_t word = spinners_[kHeld].sp;
    bool seen = false;
    const auto listening = conductor_->on_stop([&](const Arrival& stop) {
        seen = seen || (stop.address == word && stop.vcpu == kHeld);
        return Status();
    });
    MEMRIG_CHECK(conductor_->watch_writes(word));
    MEMRIG_CHECK(run_to([&] { return seen; }, fmt::format("no write to the watched word at {:#x} is reported", word)));
    return conductor_->unwatch_all();
}

Status ProbeProof::run() {
    MEMRIG_CHECK(start_spinners());
    MEMRIG_TRY(probe_, machine_.probe());
    conductor_ = std::make_unique<Conductor>(*probe_, probe_->architecture().kernel_stack_bytes);
    MEMRIG_CHECK(conductor_->pause());
    MEMRIG_CHECK(watch_place());
    MEMRIG_CHECK(pass_breakpoints());
    MEMRIG_CHECK(hold_one());
    return see_write();
}

}  // namespace

Status prove_probe(Machine& machine, const AgentHello& hello, Deadline deadline) {
    if (hello.cpus <= kRunning)
        return fail(Fault::guest, "the guest has {} vCPUs, and the proof of the probe needs {}", hello.cpus,
                    kRunning + 1);
    return ProbeProof(machine, deadline).run();
}

}  // namespace memrig
