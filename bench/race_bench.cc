// Measures the time to see the race on the same kernel: directed by the probe, and in free mode. Prints the result,
// without a judgement.
#include "base/file.h"
#include "base/statistics.h"
#include "campaign_bench.h"
#include "report/summary.h"

namespace memrig {
namespace {

Result<Occurrence> measure(const std::string& kernel, Mode mode, unsigned trials) {
    MEMRIG_TRY(const TemporaryDirectory directory, TemporaryDirectory::make("memrig-race-bench"));
    const auto host = make_qemu_backend();
    bench::Observer observer;
    RunSpec spec;
    spec.arm = "mutant";
    spec.trials = trials;
    spec.manner.mode = mode;
    spec.out = directory.path() / "run";
    MEMRIG_TRY(const RunResults results, bench::run_main_scenario(std::move(spec), kernel, *host, observer));
    return free_occurrence(results.arms.front());
}

Status compare(const std::string& kernel, unsigned directed_trials, unsigned free_trials) {
    MEMRIG_TRY(const Occurrence directed, measure(kernel, Mode::directed, directed_trials));
    MEMRIG_TRY(const Occurrence free, measure(kernel, Mode::free, free_trials));
    fmt::print("{}, race/acpi-dimm-online mutant:\n", kernel);
    fmt::print("  directed  {}\n", occurrence_text(directed));
    fmt::print("  free      {}\n", occurrence_text(free));
    if (directed.seconds_to_first && free.seconds_to_first)
        fmt::print("  to the first reproduction: directed {:.2f} s, free {:.2f} s: {:.1f} times as long\n",
                   *directed.seconds_to_first, *free.seconds_to_first,
                   *free.seconds_to_first / *directed.seconds_to_first);
    else fmt::print("  no ratio: one of the two modes never showed the race\n");
    return {};
}

}  // namespace
}  // namespace memrig

int main(int argc, char** argv) {
    using namespace memrig;
    return bench::main_of("memrig_race_bench KERNEL DIRECTED-TRIALS FREE-TRIALS", argc, argv,
                          [](const char* kernel, const char* directed, const char* free) {
                              return compare(kernel, bench::count(directed), bench::count(free));
                          });
}
