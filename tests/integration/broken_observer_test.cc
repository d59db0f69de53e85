// An observer that is blind in some way, on a real guest: the trial neither convicts a kernel that is right, nor
// acquits one, whatever the ledger saw.
#include <sys/mman.h>

#include "integration/broken_rig.h"
#include "observer/channel.h"
#include "watch/lock_names.h"

namespace memrig {
namespace {

// Damage to the memory that QEMU shares with memrig.
struct ObserverFlaws {
    std::function<void(ObserverHeader&, ObserverRing*)> at_stop;    // before memrig reads
    std::function<void(ObserverHeader&, ObserverRing*)> at_resume;  // before the guest runs on
};

// Has a mapping of its own of the shared memory.
class SharedMemory {
public:
    explicit SharedMemory(ObserverChannel& channel)
        : bytes_(observer_bytes(channel.vcpus(), ObserverChannel::kRingEvents)),
          memory_(::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, channel.descriptor(), 0)) {}
    SharedMemory(const SharedMemory&) = delete;
    SharedMemory& operator=(const SharedMemory&) = delete;
    ~SharedMemory() { ::munmap(memory_, bytes_); }
    ObserverHeader& header() { return *static_cast<ObserverHeader*>(memory_); }
    ObserverRing* rings() { return reinterpret_cast<ObserverRing*>(&header() + 1); }

private:
    std::size_t bytes_;
    void* memory_;
};

class ProbeBesideTheObserver final : public test::ProbeWrapper {
public:
    ProbeBesideTheObserver(Probe& probe, SharedMemory& memory, const ObserverFlaws& flaws)
        : ProbeWrapper(probe), memory_(memory), flaws_(flaws) {}
    Status resume(const std::set<unsigned>& vcpus) override {
        if (flaws_.at_resume) flaws_.at_resume(memory_.header(), memory_.rings());
        return probe_.resume(vcpus);
    }
    Result<std::optional<Stop>> wait_stop(Deadline deadline, int wake) override {
        auto stop = probe_.wait_stop(deadline, wake);
        if (stop && *stop) stopped();
        return stop;
    }
    Result<Stop> interrupt(Deadline deadline) override {
        auto stop = probe_.interrupt(deadline);
        stopped();
        return stop;
    }

private:
    void stopped() {
        if (flaws_.at_stop) flaws_.at_stop(memory_.header(), memory_.rings());
    }
    SharedMemory& memory_;
    const ObserverFlaws& flaws_;
};

class MachineWithAFlawedObserver final : public MachineWrapper {
public:
    MachineWithAFlawedObserver(std::unique_ptr<Machine> machine, const ObserverFlaws& flaws)
        : MachineWrapper(std::move(machine)), flaws_(flaws) {}
    Result<Probe*> probe() override {
        auto probe = machine_->probe();
        if (!probe || machine_->observer() == nullptr) return probe;
        if (!memory_) memory_.emplace(*machine_->observer());
        if (!probe_) probe_ = std::make_unique<ProbeBesideTheObserver>(**probe, *memory_, flaws_);
        return probe_.get();
    }

private:
    const ObserverFlaws& flaws_;
    std::optional<SharedMemory> memory_;
    std::unique_ptr<Probe> probe_;
};

class HostWithAFlawedObserver final : public HostWrapper {
public:
    explicit HostWithAFlawedObserver(const ObserverFlaws& flaws) : flaws_(flaws) {}

private:
    std::unique_ptr<Machine> wrap(std::unique_ptr<Machine> machine) override {
        return std::make_unique<MachineWithAFlawedObserver>(std::move(machine), flaws_);
    }
    const ObserverFlaws& flaws_;
};

class BrokenObserver : public test::BrokenRig, public testing::WithParamInterface<Observing> {
protected:
    TrialResult observed_trial(const std::string& arm) {
        HostWithAFlawedObserver host(observer_flaws);
        if (!armament) {
            auto armed = arm_guest(host, guest);
            EXPECT_TRUE(armed) << armed.error().line();
            if (!armed) return {};
            armament = armed->armament;
        }
        const auto found = std::ranges::find(scenario.arms, arm, &ScenarioArm::name);
        TrialSpec spec{guest, scenario, *found, 1, 0, {{"onliner", "online"}}, directory->path() / arm, {}, {}};
        spec.armament = armament;
        spec.manner.observe = GetParam();
        const auto outcome = run_trial(host, spec);
        EXPECT_TRUE(outcome) << outcome.error().line();
        return outcome ? outcome->result : TrialResult();
    }
    // The trial proves nothing, and says that the observer, not the kernel, is the reason.
    void is_told(const std::string& words) {
        const TrialResult control = observed_trial("control");
        EXPECT_EQ(control.verdict, Verdict::inconclusive) << control.reason;
        bool told = false;
        for (const Finding& finding : control.findings)
            for (const std::string& line : finding.details)
                told = told ||
                       (line.find("the observer does") != std::string::npos && line.find(words) != std::string::npos);
        EXPECT_TRUE(told) << control.reason;
        EXPECT_NE(observed_trial("mutant").verdict, Verdict::held);
    }

    ObserverFlaws observer_flaws;
    std::optional<Armament> armament;
};

TEST_P(BrokenObserver, AWholeOneTellsTheTwoArmsApart) {
    const TrialResult control = observed_trial("control");
    EXPECT_EQ(control.verdict, Verdict::held) << control.reason;
    EXPECT_EQ(control.unobserved, "");
    EXPECT_GE(control.observed.value_or(0), 40u);
    // The locks alone would stop it more often.
    EXPECT_TRUE(GetParam() == Observing::both || control.stops <= 150) << control.stops;
    const TrialResult mutant = observed_trial("mutant");
    EXPECT_TRUE(convicts(mutant.verdict)) << mutant.reason;
    EXPECT_GE(mutant.observed.value_or(0), 1u);
}

TEST_P(BrokenObserver, ARingIsFull) {
    observer_flaws.at_resume = [](ObserverHeader& header, ObserverRing* rings) {
        rings[2].read = rings[2].written - header.ring_events;
    };
    is_told("the ring of vCPU 2 was full");
}

TEST_P(BrokenObserver, TheEventsOfAVcpuAreMissing) {
    observer_flaws.at_stop = [](ObserverHeader&, ObserverRing* rings) { rings[2].written = rings[2].read; };
    is_told("event");
}

TEST_P(BrokenObserver, TheTableIsRefused) {
    observer_flaws.at_resume = [](ObserverHeader& header, ObserverRing*) { header.table.function[0].watched = 0; };
    is_told("refused its table");
}

// Some functions are taken for what they are not: their entries are elsewhere.
TEST_P(BrokenObserver, TheTableIsOfAnotherKernel) {
    observer_flaws.at_resume = [](ObserverHeader& header, ObserverRing*) {
        if (header.state != OBSERVER_INSTALLED) return;
        for (std::uint32_t i = 0; i < header.table.functions; i++) {
            header.table.function[i].start += 0x10'0000;
            header.table.function[i].end += 0x10'0000;
            header.table.function[i].entry += 0x10'0000;
        }
    };
    is_told(GetParam() == Observing::both ? "the observer saw \"nothing\"" : "as the observer saw it");
}

// As where a compiler has inlined what touches the lock: a writer of mem_hotplug_lock holds nothing, as it seems.
TEST_P(BrokenObserver, TheWritersOfMemHotplugLockAreNotSeen) {
    std::set<std::uint64_t> places;
    for (const char* function : {"percpu_down_write", "rcu_sync_enter"})
        places.insert(guest->symbols.unique(function).value());
    observer_flaws.at_resume = [places](ObserverHeader& header, ObserverRing*) {
        if (header.state != OBSERVER_INSTALLED) return;
        for (std::uint32_t i = 0; i < header.table.functions; i++)
            if (places.contains(header.table.function[i].start)) header.table.function[i].watched = OBSERVER_WRAPS;
    };
    is_told(locks::mem_hotplug);
}

TEST_P(BrokenObserver, ATaskIsTakenForAnother) {
    observer_flaws.at_resume = [](ObserverHeader& header, ObserverRing*) {
        if (header.state == OBSERVER_INSTALLED) std::swap(header.table.current[1], header.table.current[2]);
    };
    is_told("");
}

// With `both`, the probe itself sees the calls.
using BrokenCalls = BrokenObserver;

TEST_P(BrokenCalls, ACallIsNotTold) {
    const std::uint64_t place = guest->symbols.unique("bus_probe_device").value();
    observer_flaws.at_resume = [place](ObserverHeader& header, ObserverRing*) {
        if (header.state != OBSERVER_INSTALLED) return;
        for (std::uint32_t i = 0; i < header.table.functions; i++) {
            ObserverFunction& function = header.table.function[i];
            if (function.start == place) function.entry = function.end - 1;
        }
    };
    is_told("bus_probe_device was called, and the observer did not tell");
}

INSTANTIATE_TEST_SUITE_P(Ways, BrokenCalls, testing::Values(Observing::plugin),
                         [](const auto& way) { return to_string(way.param); });
INSTANTIATE_TEST_SUITE_P(Ways, BrokenObserver, testing::Values(Observing::both, Observing::plugin),
                         [](const auto& way) { return to_string(way.param); });

}  // namespace
}  // namespace memrig
