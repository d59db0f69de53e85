// Measures a boot, a restore, a hot-add without a probe and with the observer, and a whole trial: with the ledger by
// stops, by the observer, by both, and with neither. Prints the results, and how long each takes as a multiple of the
// hot-add without a probe, without a judgement of any time. A trial that does not end as expected is an error: the exit
// status is 3.
#include <cstdlib>

#include <benchmark/benchmark.h>

#include "base/file.h"
#include "hotplug/dimm.h"
#include "kernel/catalogue.h"
#include "machine/guest_store.h"
#include "machine/observer_plugin.h"
#include "play/while_running.h"
#include "probe/kernel_objects.h"
#include "run/trial.h"
#include "watch/lock_observer.h"

namespace memrig {
namespace {

using namespace std::chrono_literals;
constexpr auto kPatience = 5min;
constexpr const char* kUnwatched = "hot-add, no probe";

template <class T>
T need(Result<T> result) {
    if (result) return *std::move(result);
    fmt::print(stderr, "memrig_bench: {}\n", result.error().line());
    std::exit(3);
}

void need(const Status& status) {
    if (status) return;
    fmt::print(stderr, "memrig_bench: {}\n", status.error().line());
    std::exit(3);
}

struct Rig {
    explicit Rig(const std::string& kernel_id)
        : host(make_qemu_backend()),
          store(*host, {}),
          bench(need(load_bench("q35"))),
          scenario(fitted_to(bench, need(load_scenario("race/acpi-dimm-online")))),
          kernel(need(resolve_kernel(kernel_id))),
          guest(need(store.prepare(bench, kernel, Accelerator::tcg))),
          directory(need(TemporaryDirectory::make("memrig-bench"))) {}
    std::unique_ptr<Host> host;
    GuestStore store;
    Bench bench;
    Scenario scenario;
    KernelImage kernel;
    std::shared_ptr<const PreparedGuest> guest;
    TemporaryDirectory directory;
    unsigned unexpected = 0;                                             // trials whose times are worth nothing
    std::vector<std::pair<std::string, std::vector<double>>> schedules;  // in seconds, by what was measured

    void note(const std::string& what, double seconds) {
        const auto known = std::ranges::find(schedules, what, &decltype(schedules)::value_type::first);
        if (known != schedules.end()) known->second.push_back(seconds);
        else schedules.push_back({what, {seconds}});
    }
};

void boot(benchmark::State& state, Rig& rig) {
    for (auto _ : state) {
        const auto machine = need(rig.host->create(rig.guest->order, Deadline::after(kPatience)));
        need(machine->start(Deadline::after(kPatience)));
        need(await_agent(*machine, Deadline::after(kPatience)));
    }
}

void restore(benchmark::State& state, Rig& rig) {
    for (auto _ : state) need(rig.host->restore(rig.guest->order, rig.guest->state, Deadline::after(kPatience)));
}

// Adds the scenario's device, and lets the agent online its blocks as soon as they appear.
Status add_and_online(Machine& machine, const Rig& rig) {
    const auto adder = std::ranges::find(rig.scenario.schedule.actors, ActorKind::adder, &Actor::kind);
    MEMRIG_TRY(const auto dimm,
               plug_dimm(machine.qmp(), {"dimm0", "mem-dimm0", adder->bytes, 0}, Deadline::after(kPatience)));
    const auto blocks = dimm ? blocks_of(*dimm, rig.guest->hello.block_bytes) : std::nullopt;
    if (!blocks) return fail(Fault::rig, "the device was not added");
    MEMRIG_CHECK(machine.agent().start_writer(
        {"onliner", rig.bench.vcpus() - 1, blocks->first, blocks->last, "state", "online", WriterTrigger::spin},
        Deadline::after(kPatience)));
    while (machine.agent().writes().size() < blocks->count()) {
        MEMRIG_TRY(const bool more,
                   machine.agent().wait_writes(machine.agent().writes().size(), Deadline::after(kPatience)));
        if (!more) return fail(Fault::rig, "the blocks were not onlined in time");
    }
    return {};
}

// The probe is not attached.
void hot_add(benchmark::State& state, Rig& rig) {
    for (auto _ : state) {
        state.PauseTiming();
        const auto machine = need(rig.host->restore(rig.guest->order, rig.guest->state, Deadline::after(kPatience)));
        need(machine->start(Deadline::after(kPatience)));
        need(machine->agent().hello(Deadline::after(kPatience)));
        state.ResumeTiming();
        const auto begun = steady_clock().now();
        need(add_and_online(*machine, rig));
        rig.note(kUnwatched, seconds(steady_clock().now() - begun));
    }
}

// The same, with the observer. The probe is attached, and stops nothing.
void observed_hot_add(benchmark::State& state, Rig& rig) {
    for (auto _ : state) {
        state.PauseTiming();
        const auto live = need(begin_guest(*rig.host, rig.guest, {}, true));
        if (live.machine->observer() == nullptr) need(Status(fail(Fault::host, "{}", live.unobserved)));
        Probe& probe = *need(live.machine->probe());
        Conductor conductor(probe, kernel_stack_bytes(rig.guest->symbols, probe.architecture()));
        const auto observer = need(LockObserver::make(
            conductor, rig.guest->symbols, *live.machine->observer(), [&](std::uint64_t address, std::uint64_t size) {
                return host_address_of(live.machine->qmp(), 1, address, size, Deadline::after(kPatience));
            }));
        need(while_running(conductor, [&] { return live.machine->agent().hello(Deadline::after(kPatience)); }));
        state.ResumeTiming();
        const auto begun = steady_clock().now();
        need(while_running(conductor, [&] { return add_and_online(*live.machine, rig); }));
        rig.note("hot-add, observer", seconds(steady_clock().now() - begun));
        need(conductor.look());
        if (!observer->faults().empty()) need(Status(fail(Fault::rig, "{}", observer->faults().front())));
    }
}

void trial(benchmark::State& state, Rig& rig, const std::string& name, const ScenarioArm& arm,
           const TrialOptions& manner) {
    double schedule = 0;
    std::uint64_t stops = 0;
    unsigned number = 0;
    for (auto _ : state) {
        number++;
        const auto directory = rig.directory.path() / fmt::format("{}-{}", arm.name, number);
        TrialSpec spec{rig.guest, rig.scenario, arm,
                       number,    number,       {{"onliner", number % 2 == 0 ? "state" : "online"}},
                       directory, {},           {}};
        spec.manner = manner;
        const TrialResult result = need(run_trial(*rig.host, spec)).result;
        const bool unobserved = manner.observe != Observing::stops && !result.observed;
        if (!result.as_expected || unobserved) {
            rig.unexpected++;
            state.SkipWithError(unobserved ? result.unobserved.c_str() : result.reason.c_str());
        }
        schedule += result.schedule_seconds;
        rig.note(name, result.schedule_seconds);
        stops += result.stops;
        fs::remove_all(directory);
    }
    state.counters["schedule_s"] = benchmark::Counter(schedule / number);
    state.counters["stops"] = benchmark::Counter(static_cast<double>(stops) / number);
}

// Prints the medians as multiples of the first one, which has to be that of kUnwatched.
void print_ratios(Rig& rig) {
    double least = 0;
    for (auto& [what, times] : rig.schedules) {
        std::ranges::sort(times);
        const double median = times[times.size() / 2];
        if (what == kUnwatched) least = median;
        if (least > 0) fmt::print("{:<32} schedule {:6.2f} s, {:5.1f} times\n", what, median, median / least);
    }
}

}  // namespace
}  // namespace memrig

int main(int argc, char** argv) {
    using namespace memrig;
    const char* kernel = std::getenv("MEMRIG_BENCH_KERNEL");
    Rig rig(kernel != nullptr ? kernel : "debian-6.1-amd64");
    const auto add = [&](const std::string& name, auto body) {
        benchmark::RegisterBenchmark((name + " " + rig.kernel.id).c_str(), body)
            ->Unit(benchmark::kSecond)
            ->UseRealTime()
            ->Iterations(1)
            ->ReportAggregatesOnly(true);
    };
    add("boot", [&](benchmark::State& state) { boot(state, rig); });
    add("restore", [&](benchmark::State& state) { restore(state, rig); });
    add(kUnwatched, [&](benchmark::State& state) { hot_add(state, rig); });
    add("hot-add, observer", [&](benchmark::State& state) { observed_hot_add(state, rig); });
    TrialOptions stops, plugin, both, no_ledger;
    stops.observe = no_ledger.observe = Observing::stops;
    plugin.observe = Observing::plugin;
    both.observe = Observing::both;
    no_ledger.ledger = false;
    for (const auto& arm : rig.scenario.arms)
        for (const auto& [what, manner] :
             {std::pair("stops", stops), {"plugin", plugin}, {"both", both}, {"no ledger", no_ledger}}) {
            const std::string name = fmt::format("trial, {}, {}", arm.name, what);
            add(name, [&rig, &arm, name, manner](benchmark::State& state) { trial(state, rig, name, arm, manner); });
        }
    // An option of the caller's comes later, and so overrides the default.
    std::string repetitions = "--benchmark_repetitions=11";
    std::vector<char*> arguments(argv, argv + argc);
    arguments.insert(arguments.begin() + 1, repetitions.data());
    argc = static_cast<int>(arguments.size());
    arguments.push_back(nullptr);
    benchmark::Initialize(&argc, arguments.data());
    if (benchmark::ReportUnrecognizedArguments(argc, arguments.data())) return 2;
    benchmark::RunSpecifiedBenchmarks();
    print_ratios(rig);
    if (rig.unexpected == 0) return 0;
    fmt::print(stderr, "memrig_bench: {} trials did not end as expected: they measured nothing\n", rig.unexpected);
    return 3;
}
