// Which vCPU each thread of a schedule's is pinned to.
#pragma once

#include <map>
#include <string>

#include "base/error.h"
#include "schedule/schedule.h"

namespace memrig {

struct Casting {
    std::map<std::string, unsigned> vcpus;  // by thread
    // The vCPU that is left to those who act through QMP: a thread that is on it has nothing to do while one of them acts.
    unsigned left = 0;
};

// Threads that act at the same time are on vCPUs of their own, from the last one down; those that act one after the other may share one.
// An actor acts from the step that starts it to the one that sees it finish, or to the end; `at_once`: all do, all the time.
// vCPUs below `housekeeping` are nobody's. Fault::user_input where there are too few.
Result<Casting> cast_threads(const Schedule& schedule, unsigned vcpus, unsigned housekeeping, bool at_once);

}  // namespace memrig
