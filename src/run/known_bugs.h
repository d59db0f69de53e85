// Plays the known bugs: for each bug that was fixed upstream, a kernel that has it must be convicted, and the same
// kernel with the fix must hold.
//
// A scenario of scenarios/known/ has the bug in its table [bug] (KnownBug). Bugs that no scenario shows yet are listed
// with the reason in rig/unshown-bugs.toml.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "run/run.h"
#include "scenario/scenario.h"

namespace memrig {

struct KnownBugsSpec {
    std::vector<std::string>
        kernels;                    // ids; a bug whose kernel, or the parent of it, is another is left out; empty: all
    std::vector<std::string> bugs;  // scenarios by name, as load_scenario() takes them; empty: all
    unsigned trials = 3;            // the most for each side; the guilty one ends with the first conviction
    unsigned jobs = 1;              // bugs that are played at the same time
    std::optional<std::uint64_t> seed;
    std::string accelerator = "auto";
    std::filesystem::path out;
    bool resume = false;  // goes on with an interrupted run in `out`
};

struct BugTrial {
    Verdict verdict = Verdict::inconclusive;
    std::string oracle;  // of the finding that decided
    std::string reason;
    std::string directory;  // its evidence, relative to KnownBugsSpec::out
};

// The trials of one side.
struct PlayedSide {
    BugSide side;
    std::vector<BugTrial> trials;
    std::string not_played;  // why there is no trial, e.g. "this kernel has no SYMBOL"; empty: there is one, or not yet
};

// Returns the side as a line of known.jsonl and known.json have it.
nlohmann::ordered_json side_json(const PlayedSide& side);

struct BugRow {
    std::string scenario;
    KnownBug bug;
    PlayedSide guilty, innocent;
    // Returns whether the last trial of the guilty side has a verdict by which the bug is convicted.
    [[nodiscard]] bool convicted() const;
    // Returns whether there are trials of the innocent side, and all held.
    [[nodiscard]] bool control_held() const;
    [[nodiscard]] bool is_shown() const { return convicted() && control_held(); }
    // Returns whether both sides were played, or found not to be playable.
    [[nodiscard]] bool is_done() const;
};

// A bug that cannot be shown, or is not yet.
struct UnshownBug {
    std::vector<std::string> commits;
    std::string subject;
    unsigned year = 0;
    std::string reason;
};

struct KnownBugs {
    std::vector<BugRow> rows;  // sorted by year, then by scenario
    std::vector<UnshownBug> unshown;
    bool interrupted = false;
    double seconds = 0;
    [[nodiscard]] std::size_t shown() const;
    // kExitGood if all rows are shown; else kExitInterrupted, kExitRigFault, kExitNothingRun or kExitNotAsExpected.
    [[nodiscard]] int exit_status() const;
};

// The bugs that `spec` asks for; nothing is played. Fails with Fault::user_input for a mistake in a file, or an unknown
// name.
Result<KnownBugs> known_bugs(const KnownBugsSpec& spec);

// Parses rig/unshown-bugs.toml. Reports every mistake to the document.
std::vector<UnshownBug> parse_unshown_bugs(TomlDocument& document);

// Plays known_bugs(). Fetches or builds the kernels that are not in the cache. Leaves known.jsonl, a line for each bug
// that is done, and the evidence of the trials in `out`. Fails as run_scenarios() does; a kernel that cannot be had
// (Fault::host) is the reason why its side was not played.
Result<KnownBugs> play_known_bugs(const KnownBugsSpec& spec, const std::vector<Host*>& hosts, RunObserver& observer);

}  // namespace memrig
