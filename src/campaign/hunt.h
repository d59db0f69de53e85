// A hunt: races that are composed and scheduled at random, judged by all oracles, and shrunk where they convict.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "campaign/hunt_case.h"
#include "run/run.h"

namespace memrig {

struct HuntSpec {
    double seconds = 0;                // composes no further cases after so much time; 0: no limit
    std::size_t most = 0;              // plays no more cases than this; 0: no limit
    std::uint64_t seed = 0;            // of all that is drawn
    std::vector<std::string> benches;  // some of hunt_benches()
    std::vector<HuntStrategy> strategies = {HuntStrategy::priorities};  // take turns, a batch of cases each
    std::string scenario, arm;  // whose arm changes the kernel; empty: the kernel as shipped is hunted
    bool shrink = true;
    bool resume = false;  // goes on with the hunt in `run.out`
    // Kernel, jobs, out, portion: as for a run. Its scenarios, arm, trials and seed are not used. The units of a
    // portion are the cases: a shard learns from its own cases alone, and shrinks nothing.
    RunSpec run;
};

struct HuntedCase {
    HuntCase one;
    TrialResult trial;                // its directory is relative to the hunt's
    std::string not_played;           // why the case could not be set up; empty: it could
    double at_seconds = 0;            // what its strategy had taken when its trial ended
    std::vector<std::string> passed;  // the points that its actors passed in their turns
    std::set<std::string> covered;    // coverage_of() its trial
    std::size_t fresh = 0;            // how much of that no case before had covered
    std::string release, image;       // of the kernel: its release, and the SHA-256 of its image
};

// Cases that convict by the same fingerprint.
struct HuntFinding {
    std::string hash, text;  // of the fingerprint
    Verdict verdict = Verdict::inconclusive;
    std::vector<std::size_t> cases;   // indices, the first one first
    HuntCase smallest;                // that still convicts, if it was shrunk by this process
    std::vector<std::string> actors;  // those that race in the smallest case
    unsigned attempts = 0;            // to shrink it
    unsigned again = 0, of = 0;       // of so many trials of the smallest case, so many came to the same finding
    std::string file;                 // the smallest case, relative to the hunt's directory
};

struct StrategyShare {
    std::size_t trials = 0, convicted = 0, inconclusive = 0;
    double seconds = 0;  // of the batches
    // Trials that came to a verdict.
    [[nodiscard]] std::size_t judged() const { return trials - inconclusive; }
};

struct Hunt {
    std::string kernel, release;
    std::map<std::string, std::string> images;  // by kernel: the SHA-256 of its image
    std::uint64_t seed = 0;
    std::vector<HuntedCase> cases;
    std::vector<HuntFinding> findings;  // in the order in which they were found
    std::map<HuntStrategy, StrategyShare> shares;
    std::set<std::string> coverage;  // pairs of functions that two actors passed one after the other, and of locks
    bool interrupted = false;
    double seconds = 0;

    // kExitInterrupted; else kExitRigFault if a trial ended in one; else kExitNotAsExpected if something was found;
    // else kExitNothingRun if no trial came to a verdict; else kExitGood.
    [[nodiscard]] int exit_status() const;
};

// Each pair of locks in a coverage begins with it, and no pair of points does.
inline const std::string kLockPair = "locks: ";

// Returns what a race passed, for coverage: "onliner device_online > remover lock_device_hotplug" for two points in a
// row of two actors, "locks: device_hotplug_lock > mem_hotplug_lock" for a lock that is taken under another. Empty if
// the trial left no record of a race.
std::set<std::string> coverage_of(const std::filesystem::path& trial);

// Returns the seed of the hunt in that directory. Fault::user_input if there is none.
Result<std::uint64_t> seed_of_hunt(const std::filesystem::path& directory);

// Runs the hunt. Leaves in `run.out`: cases/NUMBER.toml (a scenario for each case), hunt.jsonl (a line for each case
// that was played), trials-N/ (the trials) and findings/. REQUIRES: a portion that is not the whole has a spec with
// `most`. Fails with Fault::user_input for a mistake of the user's,
// and as run_scenarios() does.
Result<Hunt> run_hunt(const HuntSpec& spec, const std::vector<Host*>& hosts, RunObserver& observer);

}  // namespace memrig
