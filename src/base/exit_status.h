// The exit statuses of memrig, by name. docs/results.md, docs/campaigns.md and docs/bisect.md say when each is
// returned.
#pragma once

namespace memrig {

// All commands but `bisect-step`. If several apply, kExitInterrupted goes before kExitRigFault, and that before
// kExitNotAsExpected, and that before kExitNothingRun.
enum : int {
    kExitGood = 0,
    kExitNotAsExpected = 1,
    kExitBadUsage = 2,    // or a bad input file
    kExitRigFault = 3,    // or a fault of the host
    kExitNothingRun = 4,  // nothing is shown, or not all that was asked for, which is no pass
    kExitInterrupted = 130
};

// `bisect-step`, as `git bisect run` takes it: 1 to 127 but 125 are "bad", 128 and more end the bisection.
enum : int {
    kBisectGood = 0,
    kBisectBad = 1,
    kBisectSkip = 125,
    kBisectRigFault = 128,
    kBisectBadUsage = 129,
    kBisectInterrupted = kExitInterrupted
};

}  // namespace memrig
