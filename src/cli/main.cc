// The program memrig: parses the command line and runs a subcommand.
#include <algorithm>
#include <exception>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/stop_request.h"
#include "cli/build_identity.h"
#include "cli/command.h"
#include "cli/json_target.h"
#include "cli/output.h"
#include "cli/self_description.h"
#include "cli/suggestion.h"

namespace memrig {

namespace {

constexpr const char* kDescription =
    "memrig: a virtual hardware bench for Linux memory hotplug. It schedules races in QEMU guests and judges them by "
    "evidence.";

constexpr const char* kProgramFooter =
    "`memrig help COMMAND` and `memrig COMMAND --help` print the help of a command.\n"
    "MEMRIG_LOG=warn,probe=debug sets the log level on stderr: LEVEL for all layers, LAYER=LEVEL for one layer.\n"
    "Layers: qmp, guest, probe, machine, watch, libvirt, play, run, campaign.\n"
    "Levels: trace, debug, info, warn, error, critical, off.\n\n"
    "Example:\n"
    "  memrig run acpi-dimm-online --trials 5\n";

std::vector<std::string> names_of_commands(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
        names.push_back(command->get_name());
    return names;
}

std::string listed(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

int bad_usage(const std::string& message, const std::string& command) {
    return report_error({Fault::user_input, message, fmt::format("see {} --help", command)});
}

int unknown_command(const std::string& word, const CLI::App& among, const std::string& command) {
    const auto meant = nearest(word, names_of_commands(among));
    if (meant)
        return report_error({Fault::user_input, fmt::format("there is no command \"{}\"", word),
                             fmt::format("did you mean {} {}?", command, *meant)});
    return bad_usage(fmt::format("there is no command \"{}\"", word), command);
}

// `memrig help [COMMAND]...`
int help(const CLI::App& program, const std::vector<std::string>& words) {
    const CLI::App* app = &program;
    std::string command = "memrig";
    for (const auto& word : words) {
        if (word == "-h" || word == "--help") continue;
        const auto commands =
            app->get_subcommands([&](const CLI::App* candidate) { return candidate->get_name() == word; });
        if (commands.empty()) return unknown_command(word, *app, command);
        app = commands.front();
        command += " " + word;
    }
    const std::string parent = command.substr(0, command.rfind(' '));
    const Status printed = print_result(app == &program ? app->help() : app->help(parent));
    return printed ? kExitGood : report_error(printed.error());
}

void use_house_style(CLI::App& app) {
    app.get_formatter()->column_width(34);
    app.get_formatter()->label("TEXT", "");
    app.set_help_flag("-h,--help", "Print this help and exit");
    for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) use_house_style(*command);
}

// Explains a parse error. Follows the words that name commands, to find the command that the error is about.
int explain_bad_usage(const CLI::App& program, const std::vector<std::string>& words, const CLI::ParseError& error) {
    const CLI::App* app = &program;
    std::string command = "memrig";
    for (const auto& word : words) {
        const auto commands = app->get_subcommands([](const CLI::App*) { return true; });
        if (commands.empty()) break;
        if (word.starts_with('-')) return bad_usage(fmt::format("there is no option \"{}\"", word), command);
        const auto next = std::ranges::find(commands, word, [](const CLI::App* known) { return known->get_name(); });
        if (next == commands.end()) return unknown_command(word, *app, command);
        app = *next;
        command += " " + word;
    }
    if (app->get_require_subcommand_min() > 0)
        return bad_usage("a command is needed: " + listed(names_of_commands(*app)), command);
    return bad_usage(one_line(error.what()), command);
}

int run(int argc, char** argv) {
    CLI::App program(kDescription, "memrig");
    program.footer(kProgramFooter);
    program.set_version_flag("--version", "memrig " + build_identity(), "Print the version and exit");
    program.require_subcommand(1);
    Action action;
    add_run_command(program, action);
    add_replay_command(program, action);
    add_explain_command(program, action);
    add_bundle_command(program, action);
    add_matrix_command(program, action);
    add_known_command(program, action);
    add_sweep_command(program, action);
    add_hunt_command(program, action);
    add_campaign_command(program, action);
    add_compare_command(program, action);
    add_history_command(program, action);
    add_bisect_command(program, action);
    add_report_command(program, action);
    add_scenarios_command(program, action);
    add_kernels_command(program, action);
    add_benches_command(program, action);
    add_emulators_command(program, action);
    add_cache_command(program, action);
    add_doctor_command(program, action);
    // Only for the list of commands: help() handles "help" before CLI11 parses the command line.
    program.add_subcommand("help", "Print the help of a command")->footer("Example:\n  memrig help run\n");
    add_self_description(program, action, MEMRIG_VERSION);
    use_house_style(program);

    std::vector<std::string> words(argv + 1, argv + argc);
    if (!words.empty() && words.front() == "help") return help(program, {words.begin() + 1, words.end()});
    try {
        const auto targeted = with_json_targets(words);
        program.parse(std::vector<std::string>(targeted.rbegin(), targeted.rend()));  // CLI11 takes the last word first
    } catch (const CLI::Success& wish) {                                              // --help or --version
        return program.exit(wish);
    } catch (const CLI::ParseError& error) {
        return explain_bad_usage(program, words, error);
    }
    return action();
}

}  // namespace

}  // namespace memrig

int main(int argc, char** argv) {
    memrig::install_signal_handlers();
    int status = memrig::kExitRigFault;
    try {
        const memrig::Status logging = memrig::set_up_logging();
        status = logging ? memrig::run(argc, argv) : memrig::report_error(logging.error());
    } catch (const std::exception& exception) {
        // Errors are values, so an exception is a bug in memrig, or memory has run out.
        status = memrig::report_error({memrig::Fault::rig, std::string("unexpected failure: ") + exception.what(), {}});
    }
    return argc > 1 && argv[1] == memrig::kBisectStep ? memrig::status_for_git(status) : status;
}
