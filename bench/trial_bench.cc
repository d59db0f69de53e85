// Measures a boot, a restore, a hot-add without a probe, and a whole trial. Prints the results, without a judgement of
// any time. A trial that does not end as expected is an error: the exit status is 3.
#include <cstdlib>

#include <benchmark/benchmark.h>

#include "base/file.h"
#include "hotplug/dimm.h"
#include "kernel/catalogue.h"
#include "machine/guest_store.h"
#include "run/trial.h"

namespace memrig {
namespace {

using namespace std::chrono_literals;
constexpr auto kPatience = 5min;

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
    unsigned unexpected = 0;  // trials whose times are worth nothing
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

// Adds the scenario's device, and lets the agent online its blocks as soon as they appear. The probe is not attached.
void hot_add(benchmark::State& state, Rig& rig) {
    for (auto _ : state) {
        state.PauseTiming();
        const auto machine = need(rig.host->restore(rig.guest->order, rig.guest->state, Deadline::after(kPatience)));
        need(machine->start(Deadline::after(kPatience)));
        need(machine->agent().hello(Deadline::after(kPatience)));
        state.ResumeTiming();
        const auto adder = std::ranges::find(rig.scenario.schedule.actors, ActorKind::adder, &Actor::kind);
        const auto dimm =
            need(plug_dimm(machine->qmp(), {"dimm0", "mem-dimm0", adder->bytes, 0}, Deadline::after(kPatience)));
        const auto blocks_or_none = dimm ? blocks_of(*dimm, rig.guest->hello.block_bytes) : std::nullopt;
        if (!blocks_or_none) std::exit(3);
        const BlockRange blocks = *blocks_or_none;
        need(machine->agent().start_writer(
            {"onliner", rig.bench.vcpus() - 1, blocks.first, blocks.last, "state", "online", WriterTrigger::spin},
            Deadline::after(kPatience)));
        while (machine->agent().writes().size() < blocks.count())
            if (!need(machine->agent().wait_writes(machine->agent().writes().size(), Deadline::after(kPatience))))
                std::exit(3);
    }
}

void trial(benchmark::State& state, Rig& rig, const ScenarioArm& arm, bool ledger) {
    double schedule = 0;
    std::uint64_t stops = 0;
    unsigned number = 0;
    for (auto _ : state) {
        number++;
        const auto directory = rig.directory.path() / fmt::format("{}-{}", arm.name, number);
        TrialSpec spec{rig.guest, rig.scenario, arm,
                       number,    number,       {{"onliner", number % 2 == 0 ? "state" : "online"}},
                       directory, {},           {}};
        spec.manner.ledger = ledger;
        const TrialResult result = need(run_trial(*rig.host, spec)).result;
        if (!result.as_expected) {
            rig.unexpected++;
            state.SkipWithError(result.reason.c_str());
        }
        schedule += result.schedule_seconds;
        stops += result.stops;
        fs::remove_all(directory);
    }
    state.counters["schedule_s"] = benchmark::Counter(schedule / number);
    state.counters["stops"] = benchmark::Counter(static_cast<double>(stops) / number);
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
    add("hot-add, no probe", [&](benchmark::State& state) { hot_add(state, rig); });
    for (const auto& arm : rig.scenario.arms)
        for (const bool ledger : {true, false})
            add("trial, " + arm.name + (ledger ? "" : ", no ledger"),
                [&rig, &arm, ledger](benchmark::State& state) { trial(state, rig, arm, ledger); });
    // An option of the caller's comes later, and so overrides the default.
    std::string repetitions = "--benchmark_repetitions=11";
    std::vector<char*> arguments(argv, argv + argc);
    arguments.insert(arguments.begin() + 1, repetitions.data());
    argc = static_cast<int>(arguments.size());
    arguments.push_back(nullptr);
    benchmark::Initialize(&argc, arguments.data());
    if (benchmark::ReportUnrecognizedArguments(argc, arguments.data())) return 2;
    benchmark::RunSpecifiedBenchmarks();
    if (rig.unexpected == 0) return 0;
    fmt::print(stderr, "memrig_bench: {} trials did not end as expected: they measured nothing\n", rig.unexpected);
    return 3;
}
