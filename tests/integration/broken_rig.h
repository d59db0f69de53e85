// A rig that is blind in some way, on a real guest.
#pragma once

#include <functional>

#include <gtest/gtest.h>

#include "base/file.h"
#include "integration/machine_wrapper.h"
#include "integration/probe_wrapper.h"
#include "kernel/catalogue.h"
#include "machine/guest_store.h"
#include "oracle/verdict.h"
#include "run/arming.h"
#include "run/trial.h"

namespace memrig::test {

// The ways in which the eyes of the rig go wrong. Each of them stands in for a real mistake: a kernel that has changed,
// a QEMU that behaves otherwise, a bug of memrig.
struct Flaws {
    std::set<std::uint64_t> blind_breakpoints;                     // never fire
    std::set<std::uint64_t> blind_watchpoints;                     // never fire
    std::uint64_t shift_watchpoints = 0;                           // watch this many bytes behind
    unsigned lose_watch_stop = 0;                                  // each so-manieth stop of a watchpoint is lost
    std::function<void(unsigned vcpu, Registers&)> registers;      // as they are read
    std::function<void(std::uint64_t at, std::string&)> memory;    // as it is read
    std::function<void(std::vector<std::uint64_t>& words)> words;  // as they are read in one trip
    bool silent_console = false;                                   // the console ends when the trial begins
};

class FlawedProbe final : public ProbeWrapper {
public:
    FlawedProbe(Probe& probe, const Flaws& flaws) : ProbeWrapper(probe), flaws_(flaws) {}
    Result<Registers> registers(unsigned vcpu) override {
        auto registers = probe_.registers(vcpu);
        if (registers && flaws_.registers) flaws_.registers(vcpu, *registers);
        return registers;
    }
    Result<std::string> read_memory(unsigned vcpu, std::uint64_t address, std::size_t size) override {
        auto bytes = probe_.read_memory(vcpu, address, size);
        if (bytes && flaws_.memory) flaws_.memory(address, *bytes);
        return bytes;
    }
    Result<std::vector<std::uint64_t>> read_words(unsigned vcpu, const std::vector<std::uint64_t>& addresses) override {
        auto words = probe_.read_words(vcpu, addresses);
        if (words && flaws_.words) flaws_.words(*words);
        return words;
    }
    Status insert_breakpoint(std::uint64_t address, BreakpointKind kind) override {
        return flaws_.blind_breakpoints.contains(address) ? Status() : probe_.insert_breakpoint(address, kind);
    }
    Status remove_breakpoint(std::uint64_t address, BreakpointKind kind) override {
        return flaws_.blind_breakpoints.contains(address) ? Status() : probe_.remove_breakpoint(address, kind);
    }
    Status insert_watchpoint(std::uint64_t address, std::size_t size) override {
        if (flaws_.blind_watchpoints.contains(address)) return {};
        return probe_.insert_watchpoint(address + flaws_.shift_watchpoints, size);
    }
    Status remove_watchpoint(std::uint64_t address, std::size_t size) override {
        if (flaws_.blind_watchpoints.contains(address)) return {};
        return probe_.remove_watchpoint(address + flaws_.shift_watchpoints, size);
    }
    Status resume(const std::set<unsigned>& vcpus) override {
        moving_ = vcpus;
        return probe_.resume(vcpus);
    }
    Result<std::optional<Stop>> wait_stop(Deadline deadline, int wake) override {
        for (;;) {
            auto stop = probe_.wait_stop(deadline, wake);
            const bool watch = stop && *stop && (*stop)->cause == StopCause::watchpoint;
            if (!watch || flaws_.lose_watch_stop == 0 || ++watch_stops_ % flaws_.lose_watch_stop != 0) return stop;
            if (auto resumed = probe_.resume(moving_); !resumed) return std::unexpected(resumed.error());
        }
    }

private:
    const Flaws& flaws_;
    std::set<unsigned> moving_;
    unsigned watch_stops_ = 0;
};

class FlawedMachine final : public MachineWrapper {
public:
    FlawedMachine(std::unique_ptr<Machine> machine, const Flaws& flaws)
        : MachineWrapper(std::move(machine)), flaws_(flaws), silent_(Descriptor()) {}
    Result<Probe*> probe() override {
        auto probe = machine_->probe();
        if (!probe) return probe;
        if (!probe_) probe_ = std::make_unique<FlawedProbe>(**probe, flaws_);
        return probe_.get();
    }
    const ConsoleLog& console() const override { return flaws_.silent_console ? silent_ : machine_->console(); }

private:
    const Flaws& flaws_;
    std::unique_ptr<FlawedProbe> probe_;
    ConsoleLog silent_;
};

class FlawedHost final : public HostWrapper {
public:
    explicit FlawedHost(const Flaws& flaws) : flaws_(flaws) {}

private:
    std::unique_ptr<Machine> wrap(std::unique_ptr<Machine> machine) override {
        return std::make_unique<FlawedMachine>(std::move(machine), flaws_);
    }
    const Flaws& flaws_;
};

// A guest with other symbols.
inline std::shared_ptr<const PreparedGuest> with_symbols(const PreparedGuest& guest,
                                                         const std::function<void(std::vector<Symbol>&)>& change) {
    auto other = std::make_shared<PreparedGuest>();
    other->order = guest.order;
    other->state = guest.state;
    other->key = guest.key;
    other->hello = guest.hello;
    std::vector<Symbol> symbols = guest.symbols.list();
    change(symbols);
    other->symbols = SymbolTable(std::move(symbols));
    return other;
}

// Makes `name` stand for where `other` is.
inline std::function<void(std::vector<Symbol>&)> resolved_to(const std::string& name, const std::string& other,
                                                             std::uint64_t behind = 0) {
    return [=](std::vector<Symbol>& symbols) {
        const auto target = std::ranges::find(symbols, other, &Symbol::name);
        ASSERT_NE(target, symbols.end()) << other;
        const std::uint64_t address = target->address + behind;
        const auto moved = std::ranges::find(symbols, name, &Symbol::name);
        ASSERT_NE(moved, symbols.end()) << name;
        moved->address = address;
        std::ranges::stable_sort(symbols, {}, &Symbol::address);
    };
}

constexpr const char* kBrokenRigKernel = "debian-6.1-amd64";

class BrokenRig : public ::testing::Test {
protected:
    void SetUp() override {
        const auto bench = load_bench("q35");
        const auto kernel = resolve_kernel(kBrokenRigKernel);
        const auto written = load_scenario("race/acpi-dimm-online");
        ASSERT_TRUE(bench && kernel && written);
        scenario = fitted_to(*bench, *written);
        const auto host = make_qemu_backend();
        const auto prepared = GuestStore(*host, {}).prepare(*bench, *kernel, Accelerator::tcg);
        ASSERT_TRUE(prepared) << prepared.error().line();
        guest = *prepared;
        auto made = TemporaryDirectory::make("memrig-broken");
        ASSERT_TRUE(made);
        directory.emplace(*std::move(made));
    }
    std::uint64_t at(const std::string& symbol) const {
        const auto found = guest->symbols.unique(symbol);
        EXPECT_TRUE(found) << symbol;
        return found.value_or(0);
    }
    // Arms the guest with the flaws, and plays a trial of the arm with them.
    TrialResult trial(const std::string& arm) {
        FlawedHost host(flaws);
        const auto armed = arm_guest(host, guest);
        if (!armed) {
            TrialResult result;
            result.verdict = armed.error().fault == Fault::guest ? Verdict::inconclusive : Verdict::rig_fault;
            result.reason = armed.error().line();
            return result;
        }
        last = armed->armament;
        const auto found = std::ranges::find(scenario.arms, arm, &ScenarioArm::name);
        TrialSpec spec{guest, scenario, *found, 1, 0, {{"onliner", "online"}}, directory->path() / arm, {}, {}};
        spec.armament = armed->armament;
        spec.manner.observe = Observing::stops;  // broken_observer_test.cc has the faults of the observer
        const auto outcome = run_trial(host, spec);
        EXPECT_TRUE(outcome) << outcome.error().line();
        return outcome ? outcome->result : TrialResult();
    }
    // The control is not convicted, and not acquitted either; the mutant is not acquitted.
    void proves_nothing() {
        const TrialResult control = told("control");
        EXPECT_FALSE(convicts(control.verdict)) << to_string(control.verdict) << ": " << control.reason;
        EXPECT_NE(control.verdict, Verdict::held) << control.reason;
        EXPECT_NE(told("mutant").verdict, Verdict::held);
    }
    // The rig finds in another way what is lost: the verdicts are those of a whole rig.
    void makes_no_difference() {
        EXPECT_EQ(told("control").verdict, Verdict::held);
        EXPECT_TRUE(convicts(told("mutant").verdict));
    }
    // The rig may see enough all the same, but it never turns a verdict round.
    void is_never_wrong() {
        const TrialResult control = told("control");
        EXPECT_FALSE(convicts(control.verdict)) << control.reason;
        EXPECT_NE(told("mutant").verdict, Verdict::held);
    }
    TrialResult told(const std::string& arm) {
        TrialResult result = trial(arm);
        std::printf("  %s: %s: %s\n", arm.c_str(), to_string(result.verdict), result.reason.c_str());
        return result;
    }

    Scenario scenario;
    std::shared_ptr<const PreparedGuest> guest;
    std::optional<TemporaryDirectory> directory;
    Flaws flaws;
    Armament last;
};

}  // namespace memrig::test
