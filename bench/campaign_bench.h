// The parts that the programs that time whole runs share.
#pragma once

#include <cstdlib>

#include "base/stop_request.h"
#include "run/run.h"

namespace memrig::bench {

// Prints on stderr what the run is busy with.
class Observer : public RunObserver {
public:
    void busy_with(const std::string& what) override {
        if (!what.empty()) fmt::print(stderr, "{} …\n", what);
    }
    void planned(unsigned) override {}
    void trial_done(const ArmResult&, const TrialResult&) override {}
};

// Runs the main scenario under TCG. Fault::interrupted if the run was interrupted.
inline Result<RunResults> run_main_scenario(RunSpec spec, const std::string& kernel, Host& host,
                                            RunObserver& observer) {
    spec.scenarios = {"race/acpi-dimm-online"};
    spec.kernels = {kernel};
    spec.accelerator = "tcg";
    MEMRIG_TRY(RunResults results, run_scenarios(spec, host, observer));
    if (results.interrupted) return fail(Fault::interrupted, "interrupted");
    return results;
}

inline unsigned count(const char* text) { return static_cast<unsigned>(std::strtoul(text, nullptr, 10)); }

// Calls `compare` with the program's three arguments, and returns the exit status.
template <class Compare>
int main_of(const char* usage, int argc, char** argv, Compare compare) {
    install_signal_handlers();
    if (argc != 4) {
        fmt::print(stderr, "usage: {}\n", usage);
        return 2;
    }
    const Status done = compare(argv[1], argv[2], argv[3]);
    if (done) return 0;
    fmt::print(stderr, "{}: {}\n", argv[0], done.error().line());
    return done.error().fault == Fault::interrupted ? 130 : 3;
}

}  // namespace memrig::bench
