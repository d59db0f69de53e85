// memrig scenarios
#include <algorithm>
#include <memory>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json_text.h"
#include "base/shell.h"
#include "cli/command.h"
#include "cli/json_target.h"
#include "cli/output.h"
#include "report/coverage.h"
#include "scenario/scenario.h"

namespace memrig {

namespace {

std::string scenarios_json(const std::vector<Scenario>& scenarios) {
    using Json = nlohmann::ordered_json;
    Json json = {{"schema", 1}, {"scenarios", Json::array()}};
    for (const auto& scenario : scenarios) {
        Json row = {{"name", scenario.name},       {"title", scenario.title},   {"verifies", scenario.verifies},
                    {"benches", scenario.benches}, {"trials", scenario.trials}, {"arms", Json::array()}};
        for (const auto& arm : scenario.arms) {
            Json expected = Json::array();
            for (const Verdict verdict : arm.expected) expected.push_back(to_string(verdict));
            row["arms"].push_back({{"name", arm.name}, {"purpose", arm.purpose}, {"expected", std::move(expected)}});
        }
        json["scenarios"].push_back(std::move(row));
    }
    return json_document(json);
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

std::string scenarios_table(const std::vector<Scenario>& scenarios) {
    std::vector<std::vector<std::string>> rows = {{"SCENARIO", "BENCHES", "ARMS", "TITLE"}};
    for (const auto& scenario : scenarios) {
        std::vector<std::string> arms;
        arms.reserve(scenario.arms.size());
        for (const auto& arm : scenario.arms) arms.push_back(arm.name);
        rows.push_back({scenario.name, joined(scenario.benches), joined(arms), one_line(scenario.title)});
    }
    return aligned(rows);
}

int list(const std::string& json) {
    if (const Status target = check_json_target(json); !target) return report_error(target.error());
    std::vector<Scenario> scenarios;
    int status = kExitGood;
    for (const auto& name : scenario_names()) {
        auto scenario = load_scenario(name);
        if (scenario) scenarios.push_back(std::move(*scenario));
        else status = report_error(scenario.error());
    }
    const Status printed =
        show(json, [&] { return scenarios_table(scenarios); }, [&] { return scenarios_json(scenarios); });
    return printed ? status : report_error(printed.error());
}

int coverage(const std::string& json) {
    if (const Status target = check_json_target(json); !target) return report_error(target.error());
    const auto paths = read_coverage();
    if (!paths) return report_error(paths.error());
    const Status printed = show(json, [&] { return coverage_markdown(*paths); }, [&] { return coverage_json(*paths); });
    return printed ? kExitGood : report_error(printed.error());
}

int check(const std::vector<std::string>& files) {
    int status = kExitGood;
    std::string text;
    for (const auto& file : files) {
        const auto diagnostics = check_scenario(file);
        if (!diagnostics) {
            status = report_error(diagnostics.error());
            continue;
        }
        for (const auto& diagnostic : *diagnostics) text += one_line(diagnostic.text()) + "\n";
        if (diagnostics->empty()) text += one_line(file) + ": ok\n";
        else status = kExitBadUsage;
    }
    const Status printed = print_result(text);
    return printed ? status : report_error(printed.error());
}

struct NewOptions {
    std::string name, from;
    fs::path out;
};

// Accepts names such as "my-race".
std::string not_a_scenario_name(const std::string& text) {
    const bool good = !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
    return good ? "" : one_line(text) + " is not a scenario's name: use only a to z, 0 to 9 and -";
}

// The text of a copy. It claims to convict no source mutant: the kill matrix has not shown that it does.
std::string copy_of(const Scenario& scenario, const std::string& name) {
    std::string text =
        fmt::format("# {}: a copy of {}. Change the title, the actors, the steps and the arms (docs/scenarios.md).\n",
                    name, scenario.name);
    for (std::size_t at = 0; at < scenario.text.size();) {
        const std::size_t end = std::min(scenario.text.find('\n', at), scenario.text.size());
        const std::string line = scenario.text.substr(at, end - at);
        at = end + 1;
        if (!line.starts_with("kills =")) text += line + "\n";
    }
    return text;
}

int make_new(const NewOptions& options) {
    const auto scenario = load_scenario(options.from);
    if (!scenario) return report_error(scenario.error());
    const fs::path file = options.out.empty() ? fs::path(options.name + ".toml") : options.out;
    std::error_code code;
    if (fs::exists(file, code))
        return report_error({Fault::user_input, file.string() + " is there already", "give another name, or --out"});
    if (const Status written = write_file(file, copy_of(*scenario, options.name)); !written)
        return report_error(written.error());
    const std::string word = shell_word(file.string());
    const Status printed =
        print_result(fmt::format("{0}\ncheck it: memrig scenarios check {0}\nrun it: memrig run {1}{0}\n",
                                 one_line(word), file.has_parent_path() ? "" : "./"));
    return printed ? kExitGood : report_error(printed.error());
}

void add_new_command(CLI::App& scenarios, Action& action) {
    auto options = std::make_shared<NewOptions>();
    CLI::App* command = scenarios.add_subcommand("new", "Write a new scenario file, as a copy of another scenario");
    command->add_option("NAME", options->name, "The new scenario's name")
        ->required()
        ->type_name("")
        ->check(CLI::Validator(not_a_scenario_name, "", "name"));
    command->add_option("--from", options->from, "The scenario to copy: a name (`memrig scenarios list`) or a path")
        ->required()
        ->type_name("SCENARIO");
    command->add_option("--out", options->out, "The file; default: NAME.toml")->type_name("FILE");
    command->footer(
        "The copy claims to convict no source mutant (`kills`), because nothing has shown that it does.\n\n"
        "Example:\n  memrig scenarios new my-race --from race/acpi-dimm-online\n");
    command->callback([options, &action] { action = [options] { return make_new(*options); }; });
}

}  // namespace

void add_scenarios_command(CLI::App& program, Action& action) {
    CLI::App* command =
        program.add_subcommand("scenarios", "List, check and write scenarios, and show what they cover");
    command->require_subcommand(1);
    command->footer("Example:\n  memrig scenarios list\n");

    auto as_json = std::make_shared<std::string>();
    CLI::App* list_command = command->add_subcommand("list", "List the scenarios that memrig ships");
    add_json_option(*list_command, *as_json);
    list_command->footer(
        "The JSON also has what each scenario verifies and expects.\n\nExample:\n  memrig scenarios list --json\n");
    list_command->callback([as_json, &action] { action = [as_json] { return list(*as_json); }; });

    auto coverage_as_json = std::make_shared<std::string>();
    CLI::App* coverage_command =
        command->add_subcommand("coverage", "Show which scenarios validate and race each hotplug path, as Markdown");
    add_json_option(*coverage_command, *coverage_as_json);
    coverage_command->footer("Prints docs/coverage.md.\n\nExample:\n  memrig scenarios coverage --json\n");
    coverage_command->callback(
        [coverage_as_json, &action] { action = [coverage_as_json] { return coverage(*coverage_as_json); }; });

    auto files = std::make_shared<std::vector<std::string>>();
    CLI::App* check_command = command->add_subcommand("check", "Find every mistake in scenario files");
    check_command->add_option("FILE", *files, "Scenario files (docs/scenarios.md is their reference)")
        ->required()
        ->type_name("");
    check_command->footer(
        "Prints a line for each mistake, as FILE:LINE:COLUMN: MESSAGE, and exits with 2 if there is one.\n\n"
        "Example:\n  memrig scenarios check scenarios/race/acpi-dimm-online.toml\n");
    check_command->callback([files, &action] { action = [files] { return check(*files); }; });

    add_new_command(*command, action);
}

}  // namespace memrig
