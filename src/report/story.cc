#include "report/story.h"

#include <algorithm>

#include "base/file.h"
#include "base/shell.h"
#include "base/text.h"
#include "scenario/scenario.h"

namespace memrig {

namespace {

constexpr std::uint64_t kMostArmingBytes = 1 << 20;

Result<std::optional<Armament>> armament_in(const fs::path& directory) {
    const fs::path path = directory / "arming.json";
    std::error_code code;
    if (!fs::exists(path, code)) return std::nullopt;
    const auto text = read_file(path, kMostArmingBytes);
    if (!text) return fail(Fault::user_input, "{}", text.error().message);
    auto armament = read_armament(*text);
    if (!armament) return fail(Fault::user_input, "{}: not the JSON that memrig writes", path.string());
    return *std::move(armament);
}

// Takes the arm's purpose and its expected verdicts from the scenario's text, if that can still be read.
void read_arm(Story& story) {
    TomlDocument document = TomlDocument::parse(story.recipe.scenario_text, story.recipe.scenario);
    const Scenario scenario = parse_scenario(document, story.recipe.scenario);
    if (!document.status()) return;
    const auto arm = std::ranges::find(scenario.arms, story.recipe.arm, &ScenarioArm::name);
    if (arm == scenario.arms.end()) return;
    story.purpose = one_line(arm->purpose);
    story.expected = arm->expected;
}

std::vector<std::string> commands_for(const fs::path& shown) {
    const std::string trial = shell_word(shown.string());
    std::error_code code;
    std::vector<std::string> commands = {"memrig replay " + trial, "memrig replay " + trial + " --gdb"};
    if (fs::is_directory(shown, code)) commands.push_back("memrig report " + trial + " --format trace");
    return commands;
}

}  // namespace

const char* to_string(RowKind kind) {
    switch (kind) {
        case RowKind::step: return "step";
        case RowKind::task: return "task";
        case RowKind::qmp: return "qmp";
        case RowKind::console: return "console";
        case RowKind::report: return "report";
    }
    return "?";
}

Result<Story> read_story(const fs::path& directory, const fs::path& shown) {
    Story story;
    MEMRIG_TRY(story.recipe, read_recipe(directory));
    MEMRIG_TRY(story.result, read_verdict(directory));
    MEMRIG_TRY(const TrialRecord record, read_trial_record(directory));
    MEMRIG_TRY(const std::optional<Armament> armament, armament_in(directory));
    read_arm(story);
    const auto tracks = task_tracks(record);
    story.graph = wait_graph(tracks, last_moment(record));
    tell_events(story, record, tracks);
    story.doubts = doubts_about(story, record, armament ? &*armament : nullptr);
    story.again = commands_for(shown);
    return story;
}

}  // namespace memrig
