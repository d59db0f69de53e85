// Measures the cost of libvirt in a trial. Runs the same trials with this host's own QEMU and with a libvirt, in turn,
// so that a busy host is busy for both. Prints the result, without a judgement.
#include <array>
#include <map>

#include "base/file.h"
#include "campaign_bench.h"
#include "libvirt/libvirt_host.h"
#include "report/summary.h"

namespace memrig {
namespace {

class Observer final : public bench::Observer {
public:
    void trial_done(const ArmResult& arm, const TrialResult& trial) override {
        unexpected += trial.as_expected ? 0 : 1;
        trials[arm.arm].push_back(trial);
    }
    std::map<std::string, std::vector<TrialResult>> trials;  // by arm
    unsigned unexpected = 0;
};

struct Contender {
    std::unique_ptr<Host> host;
    Observer observer;
};

Status play(const std::string& kernel, std::uint64_t seed, Contender& contender) {
    MEMRIG_TRY(const TemporaryDirectory directory, TemporaryDirectory::make("memrig-libvirt-bench"));
    RunSpec spec;
    spec.trials = 1;
    spec.seed = seed;
    spec.out = directory.path() / "run";
    MEMRIG_CHECK(bench::run_main_scenario(std::move(spec), kernel, *contender.host, contender.observer));
    return {};
}

double median(const std::vector<TrialResult>& trials, double TrialResult::* seconds) {
    ArmResult arm;
    arm.trials = trials;
    return spread_of(times_of(arm, seconds)).median;
}

Status compare(const std::string& uri, const std::string& kernel, unsigned trials) {
    std::array<Contender, 2> contenders;
    contenders[0].host = make_qemu_backend();
    MEMRIG_TRY(contenders[1].host, connect_libvirt(uri));
    for (unsigned trial = 0; trial < trials; ++trial)
        for (auto& contender : contenders) MEMRIG_CHECK(play(kernel, trial, contender));
    fmt::print("{}, race/acpi-dimm-online, medians of {}, in seconds:\n", kernel, trials);
    fmt::print("  {:<8} {:<24} {:>8} {:>9} {:>6}\n", "arm", "backend", "restore", "schedule", "trial");
    for (const auto& [arm, unused] : contenders[0].observer.trials) {
        std::array<double, 2> whole{};
        for (std::size_t i = 0; i < contenders.size(); ++i) {
            const auto& played = contenders[i].observer.trials[arm];
            whole[i] = median(played, &TrialResult::verdict_seconds);
            fmt::print("  {:<8} {:<24} {:>8.2f} {:>9.2f} {:>6.2f}\n", arm, contenders[i].host->name(),
                       median(played, &TrialResult::restore_seconds), median(played, &TrialResult::schedule_seconds),
                       whole[i]);
        }
        if (whole[0] > 0) fmt::print("  {:<8} {:.1f} times as long\n", arm, whole[1] / whole[0]);
    }
    for (const auto& contender : contenders)
        if (contender.observer.unexpected != 0)
            fmt::print("  {}: {} trials not as expected\n", contender.host->name(), contender.observer.unexpected);
    return {};
}

}  // namespace
}  // namespace memrig

int main(int argc, char** argv) {
    using namespace memrig;
    return bench::main_of("memrig_libvirt_bench URI KERNEL TRIALS", argc, argv,
                          [](const char* uri, const char* kernel, const char* trials) {
                              return compare(uri, kernel, bench::count(trials));
                          });
}
