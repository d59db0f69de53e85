// memrig doctor
#include <algorithm>
#include <memory>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/host_checks.h"
#include "cli/output.h"

namespace memrig {

namespace {

std::string checks_json(const std::vector<HostCheck>& checks, bool ready) {
    using Json = nlohmann::ordered_json;
    Json json = {{"schema", 1}, {"ready", ready}, {"checks", Json::array()}};
    for (const auto& check : checks)
        json["checks"].push_back({{"name", check.name},
                                  {"status", to_string(check.readiness)},
                                  {"detail", check.detail},
                                  {"remedy", check.remedy}});
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string checks_text(const std::vector<HostCheck>& checks, bool ready, const Paint& paint) {
    std::size_t width = 0;
    for (const auto& check : checks) width = std::max(width, columns(check.name));
    std::string text;
    for (const auto& check : checks) {
        const std::string word = fmt::format("{:<7}", to_string(check.readiness));
        text += fmt::format("{}  {:<{}}  {}",
                            check.readiness == Readiness::ok        ? paint.good(word)
                            : check.readiness == Readiness::missing ? paint.bad(word)
                                                                    : word,
                            check.name, width, one_line(check.detail));
        if (!check.remedy.empty()) text += " (" + one_line(check.remedy) + ")";
        text += "\n";
    }
    return text +
           (ready ? paint.good("this host is ready for `memrig run`")
                  : paint.bad("`memrig run` needs what is missing")) +
           "\n";
}

int doctor(bool as_json) {
    const std::vector<HostCheck> checks = check_host();
    const bool ready = std::ranges::find(checks, Readiness::missing, &HostCheck::readiness) == checks.end();
    const Terminal terminal(stdout);
    const Status printed =
        print_result(as_json ? checks_json(checks, ready) : checks_text(checks, ready, terminal.paint()));
    if (!printed) return report_error(printed.error());
    return ready ? kExitGood : kExitRigFault;
}

}  // namespace

void add_doctor_command(CLI::App& program, Action& action) {
    auto as_json = std::make_shared<bool>(false);
    CLI::App* command = program.add_subcommand("doctor", "Tell what this host can do, and what it lacks");
    command->add_flag("--json", *as_json, "As JSON");
    command->footer(
        "Each line is ok, note (`memrig run` does without it) or missing, with the remedy. Exits with 3 if something "
        "is\n"
        "missing that `memrig run` needs, else with 0.\n\n"
        "Example:\n  memrig doctor\n");
    command->callback([as_json, &action] { action = [as_json] { return doctor(*as_json); }; });
}

}  // namespace memrig
