// Sets up the arms of a run: reads the scenarios, finds the kernels, and prepares the guests. An arm that cannot be
// set up is reported, and does not keep the others from being played.
#pragma once

#include <cstddef>
#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "run/exploration.h"
#include "run/fleet.h"
#include "run/run.h"
#include "scenario/scenario.h"

namespace memrig {

// The index of an arm in RunResults::arms. Arms that are not played are in that list, but are not planned. The type
// keeps this index apart from an index into the planned arms.
struct ResultIndex {
    std::size_t value;
};

// One arm to run: the result that it fills, and the inputs of its trials.
struct PlannedArm {
    ResultIndex result;
    const Scenario* scenario;
    const ScenarioArm* arm;
    Fleet::Guests* guests;
    std::filesystem::path directory;                // relative to the run's directory
    std::unique_ptr<Exploration> exploration = {};  // only in explore mode
    std::vector<std::string> settings = {};         // all settings that were applied to the scenario
};

// For one thread. The arguments of the constructor must outlive it, and it must outlive the use of planned().
class ArmSetup {
public:
    ArmSetup(const RunSpec& spec, Fleet& fleet, RunResults& results);

    // Reads the scenarios and applies the settings. Fault::user_input for a mistake in them.
    Status load_scenarios();
    // Adds each arm of each scenario on each kernel to RunResults::arms, and those that can be played to planned().
    // Fails with Fault::user_input for a mistake of the user's, with Fault::interrupted, and with Fault::rig or
    // Fault::host if that has kept every arm from being played. Any other failure is ArmResult::not_set_up.
    Status plan();
    std::deque<PlannedArm>& planned() { return planned_; }

private:
    [[nodiscard]] bool is_for_bench(const Scenario& scenario) const;
    [[nodiscard]] Result<Bench> bench_for(const Scenario& scenario, const KernelImage& kernel) const;
    [[nodiscard]] std::vector<std::string> settings_of(const Scenario& scenario) const;
    [[nodiscard]] Result<std::vector<const ScenarioArm*>> arms_of(const Scenario& scenario) const;
    [[nodiscard]] ArmResult result_of(const Scenario& scenario, const ScenarioArm& arm, const std::string& kernel,
                                      const std::string& bench) const;
    Status plan_scenario(const Scenario& written, const KernelImage& kernel);
    Status plan_without_kernel(const Scenario& scenario, const std::string& kernel, const Error& error);
    Status plan_arm(const Scenario& scenario, const ScenarioArm& arm, ArmResult result, Fleet::Guests* guests);
    void prepare_guests(const std::vector<Result<KernelImage>>& kernels);
    Result<Fleet::Guests*> prepare(const Bench& bench, const KernelImage& kernel);
    void skip(ArmResult result, std::string why);
    Status set_aside(ArmResult result, const Error& error);

    const RunSpec& spec_;
    Fleet& fleet_;
    RunResults& results_;
    std::vector<Scenario> scenarios_;
    std::deque<Scenario> changed_;  // fitted to a bench and a kernel, with an arm's settings; planned_ points here
    std::deque<PlannedArm> planned_;
};

}  // namespace memrig
