// The casting: which vCPU each thread of a schedule is pinned to.
#pragma once

#include <map>
#include <string>

#include "base/error.h"
#include "schedule/schedule.h"

namespace memrig {

struct Casting {
    std::map<std::string, unsigned> vcpus;  // by thread
    // The vCPU that is left to the actors that act through QMP. A thread on it has nothing to do while they act.
    unsigned left = 0;
};

// Threads that act at the same time are on vCPUs of their own, from the last one down. Threads that act one after the
// other may share one. An actor acts from the step that starts it to the step that sees it finish, or to the end.
// `at_once`: all actors act all the time. No thread is on a vCPU below `housekeeping`. Fault::user_input where
// there are too few vCPUs.
Result<Casting> cast_threads(const Schedule& schedule, unsigned vcpus, unsigned housekeeping, bool at_once);

}  // namespace memrig
