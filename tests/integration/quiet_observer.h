// A campaign's observer that says nothing.
#pragma once

#include "run/run.h"

namespace memrig::test {

class QuietObserver final : public RunObserver {
public:
    void busy_with(const std::string&) override {}
    void planned(unsigned) override {}
    void trial_done(const ArmResult&, const TrialResult&) override {}
};

}  // namespace memrig::test
