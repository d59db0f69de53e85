// What the programs that time whole campaigns share.
#pragma once

#include <cstdlib>

#include "base/stop_request.h"
#include "run/run.h"

namespace memrig::bench {

class Observer : public RunObserver {
public:
    void busy_with(const std::string& what) override {
        if (!what.empty()) fmt::print(stderr, "{} …\n", what);
    }
    void planned(unsigned) override {}
    void trial_done(const ArmResult&, const TrialResult&) override {}
};

// The main scenario, by emulation.
inline Result<RunResults> run_main_scenario(RunSpec order, const std::string& kernel, Host& backend,
                                            RunObserver& observer) {
    order.scenarios = {"race/acpi-dimm-online"};
    order.kernels = {kernel};
    order.accelerator = "tcg";
    MEMRIG_TRY(RunResults results, run_scenarios(order, backend, observer));
    if (results.interrupted) return fail(Fault::interrupted, "interrupted");
    return results;
}

inline unsigned count(const char* text) { return static_cast<unsigned>(std::strtoul(text, nullptr, 10)); }

// `compare` with the program's three arguments, and its exit status.
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
