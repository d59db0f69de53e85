// Plays a trial again, from its recipe and its verdict (trial.json, verdict.json).
#pragma once

#include <filesystem>
#include <string>

#include "run/run.h"

namespace memrig {

struct ReplaySpec {
    std::filesystem::path trial;  // the directory of the recorded trial
    std::string kernel;           // an id or a path; empty: the recorded kernel
    std::string emulator;         // an id or a path; empty: the recorded QEMU
    unsigned times = 1;
    std::filesystem::path out;
    bool keep_machine = false;
    std::filesystem::path modules = {};  // the folder of the modules of `kernel`, if that is a path
};

struct Replay {
    TrialResult recorded;
    std::string recorded_mode;
    ArmResult arm;                      // with the new trials
    std::vector<std::string> warnings;  // what differs from the recording: the kernel's image, QEMU
    std::shared_ptr<const PreparedGuest> guest;
    std::unique_ptr<Machine> machine;  // of the last trial, if `keep_machine` asked for it
    bool interrupted = false;
    // Returns whether all trials that were asked for were played, and came to the recorded verdict.
    [[nodiscard]] bool same_verdict() const;
};

// Plays the trial `times` times on the host. Fails with Fault::user_input if the recording is damaged or does not fit.
Result<Replay> replay_trial(const ReplaySpec& spec, Host& host, RunObserver& observer);

}  // namespace memrig
