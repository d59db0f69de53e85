// How long it takes to see the race: directed by the probe against left to itself, on the same kernel, in the same run. Printed, never judged.
#include <cstdlib>

#include "base/file.h"
#include "base/stop_request.h"
#include "campaign/campaign.h"
#include "report/statistics.h"
#include "report/summary.h"
#include "report/text.h"

namespace memrig {
namespace {

class Observer final : public CampaignObserver {
public:
    void busy_with(const std::string& what) override {
        if (!what.empty()) fmt::print(stderr, "{} …\n", what);
    }
    void planned(unsigned trials) override { fmt::print(stderr, "{}\n", counted(trials, "trial")); }
    void trial_done(const ArmResult&, const TrialResult&) override {}
};

Result<Occurrence> measure(const std::string& kernel, Mode mode, unsigned trials) {
    MEMRIG_TRY(const TemporaryDirectory directory, TemporaryDirectory::make("memrig-race-bench"));
    const auto backend = make_qemu_backend();
    Observer observer;
    CampaignOrder order;
    order.scenarios = {"race/acpi-dimm-online"};
    order.kernels = {kernel};
    order.arm = "mutant";
    order.trials = trials;
    order.accelerator = "tcg";
    order.manner.mode = mode;
    order.out = directory.path() / "run";
    MEMRIG_TRY(const RunResults results, run_campaign(order, *backend, observer));
    if (results.interrupted) return fail(Fault::interrupted, "interrupted");
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
    else fmt::print("  no ratio: in one of the two it was never seen\n");
    return {};
}

}  // namespace
}  // namespace memrig

// memrig_race_bench KERNEL DIRECTED-TRIALS FREE-TRIALS
int main(int argc, char** argv) {
    using namespace memrig;
    install_signal_handlers();
    if (argc != 4) {
        fmt::print(stderr, "usage: memrig_race_bench KERNEL DIRECTED-TRIALS FREE-TRIALS\n");
        return 2;
    }
    const auto count = [](const char* text) { return static_cast<unsigned>(std::strtoul(text, nullptr, 10)); };
    const Status done = compare(argv[1], count(argv[2]), count(argv[3]));
    if (done) return 0;
    fmt::print(stderr, "memrig_race_bench: {}\n", done.error().line());
    return done.error().fault == Fault::interrupted ? 130 : 3;
}
