// memrig explain
#include <memory>

#include "base/file.h"
#include "cli/command.h"
#include "cli/json_target.h"
#include "cli/output.h"
#include "kernel/source_lines.h"
#include "report/story_text.h"
#include "run/bundle.h"

namespace memrig {

namespace {

constexpr const char* kExplainFooter =
    "TRIAL is a trial's directory of a run or a campaign (RUN/SCENARIO/KERNEL/ARM/NUMBER), or a bundle (`memrig\n"
    "bundle`). It prints why the trial has its verdict, the locks that the tasks held and waited for, all events on "
    "one\n"
    "time axis with the call paths that matter, what would make the verdict wrong, and how to play the trial again.\n"
    "The lines fit the terminal, from 80 to 160 columns. NO_COLOR=1 turns the colours off.\n\n"
    "Example:\n"
    "  memrig explain runs/20300203T040506Z-4711/race/acpi-dimm-online/debian-6.1-amd64/mutant/0002\n";

struct ExplainOptions {
    fs::path trial, vmlinux;
    std::string json;
};

Result<Story> story_of(const fs::path& trial) {
    std::error_code code;
    if (!fs::exists(trial, code)) return fail(Fault::user_input, "there is no {}", trial.string());
    if (fs::is_directory(trial, code)) return read_story(trial, trial);
    MEMRIG_TRY(const TemporaryDirectory unpacked, unpack_evidence(trial));
    auto story = read_story(unpacked.path(), trial);
    if (!story) story.error().message = fmt::format("in {}: {}", trial.string(), story.error().message);
    return story;
}

int explain(const ExplainOptions& options) {
    if (const Status target = check_json_target(options.json); !target) return report_error(target.error());
    const auto story = story_of(options.trial);
    if (!story) return report_error(story.error());
    LineLookup lines;
    if (!options.vmlinux.empty()) {
        auto opened = SourceLines::open(options.vmlinux, story->recipe.kernel_release);
        if (!opened) return report_error(opened.error());
        lines = [known = std::make_shared<SourceLines>(*std::move(opened))](const std::string& place) {
            return known->at(place);
        };
    }
    const Terminal terminal(stdout);
    const Status printed = show(
        options.json, [&] { return story_text(*story, terminal.width(), terminal.paint(), lines); },
        [&] { return story_json(*story, lines); });
    return printed ? kExitGood : report_error(printed.error());
}

}  // namespace

void add_explain_command(CLI::App& program, Action& action) {
    auto options = std::make_shared<ExplainOptions>();
    CLI::App* command = program.add_subcommand("explain", "Tell the story of one trial, and why it has its verdict");
    command->footer(kExplainFooter);
    command->add_option("TRIAL", options->trial, "The trial's directory, or a bundle")->required()->type_name("");
    command
        ->add_option("--vmlinux", options->vmlinux,
                     "The kernel's vmlinux with debug information: call paths show file and line")
        ->type_name("FILE");
    add_json_option(*command, options->json);
    command->callback([options, &action] { action = [options] { return explain(*options); }; });
}

}  // namespace memrig
