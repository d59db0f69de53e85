// A scenario: actors, a schedule, what each arm elides, and the verdict expected of each arm. Read from scenarios/**/*.toml.
// The file format's reference is docs/scenarios.md.
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
#include "schedule/schedule.h"
#include "watch/elision.h"
#include "watch/notice.h"
#include "watch/override.h"

namespace memrig {

struct ScenarioArm {
    std::string name;                   // "control", "mutant", ...
    std::string purpose;                // one line
    std::vector<ElisionSpec> elisions;  // none: the kernel as shipped
    std::vector<OverrideSpec> overrides;
    std::vector<std::string> settings;  // what is other than the schedule says, as apply_setting() takes it
    std::string mutant;             // the source mutant that the elision does the same as; empty where there is none
    std::vector<Verdict> expected;  // any of these
};

// Somebody who has asked to be told of what becomes of memory blocks, and says no to it.
struct VetoSpec {
    enum class By {
        probe,   // the rig answers for one more notifier
        kernel,  // the kernel's own error injector (CONFIG_MEMORY_NOTIFIER_ERROR_INJECT)
        nobody   // to see what a veto that never comes is taken for
    };
    Notice notice = Notice::going_online;
    By by = By::probe;
    unsigned after = 0;  // of such notices are let through first; the probe's alone
};

// That the control arm convicts a kernel with this source mutant (guest-images/mutants), perhaps only with this setting.
struct Claim {
    std::string mutant;
    std::string setting;  // "onliner.attribute=online"; "" where it does not matter
};

struct Scenario {
    std::string name;  // as its path below scenarios/, without .toml: "race/acpi-dimm-online"
    std::string title;
    std::string verifies;  // the rule or document passage
    std::string path;      // an id of kHotplugPaths; empty where it is about none of them
    std::vector<std::string> benches;
    std::vector<std::string> needs;  // kernel symbols: a kernel that lacks one is not what it is for
    std::vector<std::string> lacks;  // nor one that has one of these
    std::vector<Claim> kills;
    unsigned trials = 0;  // unless the user says
    Schedule schedule;
    std::vector<std::string> points;            // of explore mode; empty: the default ones
    std::vector<std::string> explore_settings;  // what explore mode fixes, e.g. a smaller device
    std::optional<VetoSpec> veto;
    std::vector<ScenarioArm> arms;
    std::string text;  // the file's

    [[nodiscard]] const Claim* claims(const std::string& mutant) const {
        const auto found = std::ranges::find(kills, mutant, &Claim::mutant);
        return found == kills.end() ? nullptr : &*found;
    }
};

// In an actor's `entry` and an elision's `caller`, this stands for the bench's own function that adds and removes pc-dimms.
inline constexpr const char* kBenchHotplug = "{hotplug}";
// The scenario as it is played on that bench. Where the kernel onlines what is plugged, a thread that offers both attributes writes to `online`, for
// which a block that is online already is a success; one that offers only `state` is expected to get EINVAL (drivers/base/memory.c, state_store()).
Scenario fitted_to(const Bench& bench, Scenario scenario);

// Fixes what a scenario leaves open, or changes what it may: "onliner.attribute=online", "adder.size=128M". Fault::user_input, naming
// what is wrong.
Status apply_setting(Scenario& scenario, const std::string& setting);

// Every mistake of the file is in `diagnostics`; the scenario is good only if there is none.
Scenario parse_scenario(TomlDocument& document, const std::string& name);

// By name ("race/acpi-dimm-online", or its last part where that is unique) or by path. Fault::user_input with the first mistake.
// The old name of a renamed scenario works, too, and prints a note to stderr.
Result<Scenario> load_scenario(const std::string& name_or_path);
// All mistakes of a file, for `memrig scenarios check`.
Result<std::vector<Diagnostic>> check_scenario(const std::filesystem::path& path);
// The names of all scenarios, sorted.
std::vector<std::string> scenario_names();
// What a command line names, each once and in its order: a scenario as load_scenario() takes it, or a folder below scenarios/ ("race",
// "race/" or "race/*"), which stands for all in it. A path of a file of one's own stays as it is. Fault::user_input for an unknown name.
Result<std::vector<std::string>> named_scenarios(const std::vector<std::string>& words);

}  // namespace memrig
