// The spec that most of these tests use: one trial of each arm, by emulation, with a seed that does not change.
#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "integration/quiet_observer.h"

namespace memrig::test {

inline RunSpec one_trial(std::vector<std::string> scenarios, const std::string& kernel, fs::path out) {
    RunSpec order;
    order.scenarios = std::move(scenarios);
    order.kernels = {kernel};
    order.trials = 1;
    order.seed = 0;
    order.accelerator = "tcg";
    order.out = std::move(out);
    return order;
}

}  // namespace memrig::test
