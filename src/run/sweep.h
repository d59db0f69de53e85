// Sweeps the error paths of a scenario: plays it once, records each call by which an actor may run out of memory, and
// then plays one trial for each such call, in which that one call fails. With a depth of 2, also one for each call that
// comes only because another one failed, in which both fail.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kernel/prototypes.h"
#include "run/run.h"
#include "watch/call_recorder.h"
#include "watch/failure.h"

namespace memrig {

struct SweepSpec {
    std::string scenario;                // a name or a path
    std::vector<std::string> actors;     // empty: all that can be swept
    std::vector<std::string> functions;  // only calls of these; empty: of all allocators
    std::string within;                  // only calls by way of this function; empty: all
    bool allocators_only = false;        // not the functions between an actor's entry and an allocator
    bool every = false;                  // also the calls between the first and the last one of a path
    unsigned depth = 1;                  // how many calls fail in a case, at most: 1 or 2
    std::size_t most = 0;                // plays no more cases than this, nor pairs; 0: all
    bool resume = false;                 // goes on with the sweep in `run.out`
    // Kernel, bench, jobs, seed, out: as for a run. Its scenarios and arm are not used. Any portion but the whole needs
    // `resume`.
    RunSpec run;
};

// The call that fails in one trial, or two, and what came of it.
struct SweepCase {
    unsigned number = 0;  // from 1
    FailureSpec failure;
    std::optional<FailureSpec> second = {};  // fails, too: a call that came because the first one failed
    unsigned recorded = 0;                   // how many calls with its path the recording has
    std::optional<TrialResult> trial;        // its directory is relative to the sweep's; none: not played yet
    std::string not_played;                  // why the case could not be set up; empty: it could
};

struct Sweep {
    std::string scenario, kernel, release, bench;
    std::vector<std::string> actors;
    std::size_t calls = 0, paths = 0;  // recorded
    std::vector<SweepCase> cases;
    std::map<std::string, std::string> images;  // by kernel: the SHA-256 of the image that this process played
    bool interrupted = false;
    double seconds = 0;

    [[nodiscard]] std::size_t played() const;
    // The cases that convict the kernel.
    [[nodiscard]] std::vector<const SweepCase*> convicted() const;
    // kExitGood if each case was played and held, kExitInterrupted, kExitRigFault, or kExitNotAsExpected.
    [[nodiscard]] int exit_status() const;
};

// Returns the value by which a recorded call fails; nothing if it cannot. `prototypes` may be null.
std::optional<std::uint64_t> failure_of(const RecordedCalls& call, const Prototypes* prototypes);
// Returns the functions by way of which an allocator was called, and which can fail themselves. What ACPICA calls is
// left out: its interpreter makes thousands of calls.
std::vector<std::string> callers_that_can_fail(const std::vector<RecordedCalls>& calls, const Prototypes& prototypes);
// Returns the cases that a sweep of these calls has, in the order of the recording. `prototypes` may be null.
std::vector<SweepCase> cases_of(const std::vector<RecordedCalls>& calls, const SweepSpec& spec,
                                const Prototypes* prototypes);
// Returns the cases in which a second call fails, numbered behind `cases`. `calls` came without any failure, and
// `after`, by the number of the case, where its call failed. A second call is one of an allocator, on a path that
// `calls` does not have. The first case that leads to a path makes the pair (`every`: each one that does).
std::vector<SweepCase> pairs_of(const std::vector<SweepCase>& cases, const std::vector<RecordedCalls>& calls,
                                const std::map<std::size_t, std::vector<RecordedCalls>>& after, const SweepSpec& spec);

// Runs the sweep, or the portion that is asked for. Leaves in `run.out`: plan.json (the cases), cases/NUMBER.toml (a
// scenario for each), results.jsonl (a line for each case that was played) and the trials. Fails with Fault::user_input
// for a mistake of the user's, Fault::guest if the recording came to nothing, and as run_scenarios() does.
Result<Sweep> run_sweep(const SweepSpec& spec, const std::vector<Host*>& hosts, RunObserver& observer);

}  // namespace memrig
