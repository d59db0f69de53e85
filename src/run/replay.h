// Playing a trial again, from what it left (trial.json, verdict.json).
#pragma once

#include <filesystem>
#include <string>

#include "run/run.h"

namespace memrig {

struct ReplaySpec {
    std::filesystem::path trial;  // the directory of the one that is played again
    std::string kernel;           // in place of the recorded one, where given: an id or a path
    std::string emulator;         // likewise
    unsigned times = 1;
    std::filesystem::path out;
    bool keep_machine = false;
};

struct Replay {
    TrialResult recorded;
    std::string recorded_mode;
    ArmResult arm;                      // with the new trials
    std::vector<std::string> warnings;  // what is not as it was: the kernel's image, QEMU, ...
    std::shared_ptr<const PreparedGuest> guest;
    std::unique_ptr<Machine> machine;  // of the last trial, where it was to be kept
    bool interrupted = false;
    // Every one came to the recorded verdict.
    [[nodiscard]] bool same_verdict() const;
};

Result<Replay> replay_trial(const ReplaySpec& order, Host& backend, RunObserver& observer);

}  // namespace memrig
