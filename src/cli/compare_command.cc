// memrig compare, memrig history
#include <memory>

#include "campaign/comparison.h"
#include "campaign/history.h"
#include "cli/command.h"
#include "cli/json_target.h"
#include "cli/output.h"

namespace memrig {

namespace {

constexpr const char* kCompareFooter =
    "A rate changed only if the 95% intervals of old and new do not meet. A conviction in a control arm always\n"
    "counts, unless the plan lists it as [[known]] (docs/campaigns.md). So does an arm that is no longer run, and a\n"
    "mutant that nothing convicts any more.\n"
    "Exit status: 0 no regression, 1 a regression, 2 bad usage, 3 a file cannot be read.\n\n"
    "Example:\n"
    "  memrig compare nights/2026-11-22 nights/2026-11-23\n";
constexpr const char* kHistoryFooter =
    "DIR is a campaign's directory, or a folder of them.\n\n"
    "Example:\n"
    "  memrig history nights\n";

struct CompareOptions {
    std::string before, after, known, json;
};

int compare(const CompareOptions& options) {
    if (const Status target = check_json_target(options.json); !target) return report_error(target.error());
    const auto before = load_campaign(options.before, options.known);
    if (!before) return report_error(before.error());
    const auto after = load_campaign(options.after, options.known);
    if (!after) return report_error(after.error());
    const Comparison comparison = compare_nights(before->night, after->night);
    const Terminal terminal(stdout);
    const Status printed = show(
        options.json, [&] { return comparison_text(comparison, terminal.paint()); },
        [&] { return comparison_json(comparison); });
    if (!printed) return report_error(printed.error());
    return comparison.regressed() ? kExitNotAsExpected : kExitGood;
}

struct HistoryOptions {
    std::vector<std::string> directories;
    std::string json;
};

int show_history(const HistoryOptions& options) {
    if (const Status target = check_json_target(options.json); !target) return report_error(target.error());
    const auto directories =
        campaigns_in(std::vector<std::filesystem::path>(options.directories.begin(), options.directories.end()));
    if (!directories) return report_error(directories.error());
    std::vector<CampaignSummary> nights;
    for (const auto& directory : *directories) {
        auto loaded = load_campaign(directory);
        if (!loaded) return report_error(loaded.error());
        nights.push_back(std::move(loaded->night));
    }
    const History history = history_of(std::move(nights));
    const Terminal terminal(stdout);
    const Status printed = show(
        options.json, [&] { return history_text(history, terminal.paint()); }, [&] { return history_json(history); });
    return printed ? kExitGood : report_error(printed.error());
}

}  // namespace

void add_compare_command(CLI::App& program, Action& action) {
    auto options = std::make_shared<CompareOptions>();
    CLI::App* command = program.add_subcommand("compare", "Compare two campaigns");
    command->footer(kCompareFooter);
    command->add_option("OLD", options->before, "The older campaign's directory")->required()->type_name("");
    command->add_option("NEW", options->after, "The newer campaign's directory")->required()->type_name("");
    command
        ->add_option("--known", options->known,
                     "Use the known findings of this plan, not those of the campaigns' plans")
        ->type_name("PLAN");
    add_json_option(*command, options->json);
    command->callback([options, &action] { action = [options] { return compare(*options); }; });
}

void add_history_command(CLI::App& program, Action& action) {
    auto options = std::make_shared<HistoryOptions>();
    CLI::App* command =
        program.add_subcommand("history", "Show campaigns night by night, and when each finding was first seen");
    command->footer(kHistoryFooter);
    command->add_option("DIR", options->directories, "Campaigns' directories, or folders of them")
        ->required()
        ->type_name("");
    add_json_option(*command, options->json);
    command->callback([options, &action] { action = [options] { return show_history(*options); }; });
}

}  // namespace memrig
