// Prints the progress of a run for people: a line for each trial and, on a terminal, a progress line below them.
#pragma once

#include <string>

#include "cli/output.h"
#include "report/progress.h"
#include "run/run.h"

namespace memrig {

class ConsoleObserver : public RunObserver {
public:
    // Each line names the scenario and the kernel only if `spec` has several. The terminal must outlive the observer.
    ConsoleObserver(const Terminal& terminal, const RunSpec& spec);
    ~ConsoleObserver() override { clear_progress(); }
    ConsoleObserver(const ConsoleObserver&) = delete;
    ConsoleObserver& operator=(const ConsoleObserver&) = delete;

    void busy_with(const std::string& what) override;
    void planned(unsigned trials_in_all) override;
    void trial_done(const ArmResult& arm, const TrialResult& trial) override;
    void host_lost(const std::string& host, const std::string& why) override;

private:
    [[nodiscard]] std::string where(const ArmResult& arm) const;
    void show_progress();
    void clear_progress();

    const Terminal& terminal_;
    Progress progress_{steady_clock()};
    std::string busy_with_;
    bool many_scenarios_, many_kernels_;
    std::string directory_;
    bool progress_shown_ = false;
};

}  // namespace memrig
