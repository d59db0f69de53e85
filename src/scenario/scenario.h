// A scenario: actors, a schedule, the elisions of each arm, and the verdict expected of each arm. It is read from
// scenarios/**/*.toml. docs/scenarios.md is the reference of the file format.
#pragma once

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/toml_reader.h"
#include "machine/bench.h"
#include "oracle/verdict.h"
#include "probe/symbols.h"
#include "schedule/schedule.h"
#include "watch/elision.h"
#include "watch/failure.h"
#include "watch/insertion.h"
#include "watch/notice.h"
#include "watch/override.h"
#include "watch/replacement.h"

namespace memrig {

struct ScenarioArm {
    std::string name;                   // "control", "mutant", ...
    std::string purpose;                // one line
    std::vector<ElisionSpec> elisions;  // none: the kernel as shipped
    std::vector<OverrideSpec> overrides;
    std::vector<InsertionSpec> insertions;
    std::vector<std::string> settings;  // the arm's changes to the scenario, for apply_setting()
    std::string mutant;                 // the source mutant with the same effect as the elision; empty if none
    std::vector<Verdict> expected;      // any of these
    std::vector<FailureSpec> failures = {};
    std::vector<ReplacementSpec> replacements = {};
};

// A memory notifier that vetoes a notice.
struct VetoSpec {
    enum class By {
        probe,   // the rig answers in place of one more notifier
        kernel,  // the kernel's own error injector (CONFIG_MEMORY_NOTIFIER_ERROR_INJECT)
        nobody   // nobody vetoes: shows how a veto that never comes is judged
    };
    Notice notice = Notice::going_online;
    By by = By::probe;
    unsigned after = 0;  // how many such notices are let through first; used only with By::probe
    int error = 1;       // the errno that the notifier returns; EPERM is NOTIFY_BAD
};

// The scenario's claim that its control arm convicts a kernel with this source mutant (guest-images/mutants).
struct Claim {
    std::string mutant;
    std::string setting;  // the setting that the claim needs: "onliner.attribute=online"; "" if it needs none
};

// One side of a known bug: an arm of the scenario on a kernel.
struct BugSide {
    std::string kernel;  // an id, also of a source mutant: "ref-6.12-amd64+cancel_without_going"
    std::string arm;
};

// The bug that the scenario shows: a kernel that has it is convicted, one that has it not holds.
struct KnownBug {
    std::vector<std::string> commits;  // the fix: abbreviated ids, or "lore:MESSAGE-ID" where the id is not known
    std::string subject;               // of the first commit
    unsigned year = 0;                 // in which it was fixed
    BugSide guilty, innocent;
    std::vector<Verdict> verdicts;  // any of them convicts the guilty side
};

struct Scenario {
    std::string name;  // its path below scenarios/, without .toml: "race/acpi-dimm-online"
    std::string title;
    std::string verifies;  // the rule or document passage
    std::string path;      // an id of kHotplugPaths; empty if it is about none of them
    std::vector<std::string> benches;
    // Features of the guest (GuestFeature::key), roles, or kernel symbols.
    std::vector<std::string> needs;  // a kernel that lacks one of them is skipped
    std::vector<std::string> lacks;  // a kernel that has one of them is skipped
    std::vector<Claim> kills;
    unsigned trials = 0;  // the default number of trials
    Schedule schedule;
    std::vector<std::string> points;            // the points of explore mode; empty: the default ones
    std::vector<std::string> explore_settings;  // the settings of explore mode, e.g. a smaller device
    std::optional<VetoSpec> veto;
    std::vector<ScenarioArm> arms;
    std::optional<KnownBug> bug;  // of scenarios/known
    std::string text;             // of the file

    // The claim about this source mutant; null if there is none.
    [[nodiscard]] const Claim* claims(const std::string& mutant) const {
        const auto found = std::ranges::find(kills, mutant, &Claim::mutant);
        return found == kills.end() ? nullptr : &*found;
    }
};

// In an actor's `entry` and an elision's `caller`, this text stands for the bench's function that adds and removes
// pc-dimms.
inline constexpr const char* kBenchHotplug = "{hotplug}";
// Returns the scenario as it is played on that bench. On a bench whose kernel onlines plugged memory, an onliner
// finds its blocks online already. An onliner that offers both attributes then writes to `online`, for which that is
// a success. An onliner that offers only `state` is expected to get EINVAL (drivers/base/memory.c, state_store()).
// Beside a hypervisor each hold is a park: Xen stands still with the vCPU that does, as it asks every CPU for its time
// once a second, and waits for the answer (time_calibration(), xen/arch/x86/time.c).
Scenario fitted_to(const Bench& bench, Scenario scenario);

// Replaces each role ("{adder}") in entries, steps, points and the changes of the arms by the function that plays it in
// the kernel with these symbols. Where one of several functions is enough (entries, callers of an elision),
// roles that nobody plays are left out. Fault::guest if nobody plays a role that is needed.
Status cast_roles(Scenario& scenario, const SymbolTable& symbols);

// Applies one setting, "actor.key=value": fixes a choice that the scenario leaves open, or changes a value of it.
// Examples: "onliner.attribute=online", "adder.size=128M". Fails with Fault::user_input and a message that names the
// mistake.
Status apply_setting(Scenario& scenario, const std::string& setting);

// Parses a scenario. Adds every mistake to the document's diagnostics; the result is valid only if there are none.
Scenario parse_scenario(TomlDocument& document, const std::string& name);

// Loads a scenario by its path or by its name ("race/acpi-dimm-online", or the last part if that is unique). Fails with
// Fault::user_input and the first mistake. The old name of a renamed scenario works, too, with a note on stderr.
Result<Scenario> load_scenario(const std::string& name_or_path);
// Returns all mistakes of a file, sorted by line. For `memrig scenarios check`.
Result<std::vector<Diagnostic>> check_scenario(const std::filesystem::path& path);
// Returns the names of all scenarios but those of known bugs, sorted.
std::vector<std::string> scenario_names();
// Returns the names of the scenarios of known bugs (scenarios/known), sorted. `memrig known` plays them.
std::vector<std::string> known_bug_names();
// Returns the scenarios that a command line names, each once, in the order of the words. A word is a scenario as for
// load_scenario(), or a folder below scenarios/ ("race", "race/" or "race/*"), which stands for all scenarios in it. A
// path to a file outside scenarios/ stays as it is. Fails with Fault::user_input for an unknown name.
Result<std::vector<std::string>> named_scenarios(const std::vector<std::string>& words);

}  // namespace memrig
