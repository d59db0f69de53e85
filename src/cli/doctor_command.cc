// memrig doctor
#include <algorithm>
#include <iterator>
#include <memory>

#include <nlohmann/json.hpp>

#include "cli/backend_option.h"
#include "cli/command.h"
#include "cli/host_checks.h"
#include "cli/libvirt_checks.h"
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

std::string checks_text(const std::vector<HostCheck>& checks, bool ready, const std::string& command,
                        const Paint& paint) {
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
           (ready ? paint.good("this host is ready for `" + command + "`")
                  : paint.bad("this host is not ready for `" + command + "`: something is missing")) +
           "\n";
}

int doctor(const std::string& backend, bool as_json) {
    const auto uris = libvirt_uris(backend);
    std::vector<HostCheck> checks = check_host(uris.empty());
    for (const auto& uri : uris)
        for (HostCheck& check : check_libvirt(uri)) {
            if (uris.size() > 1) check.name += " of " + uri;
            checks.push_back(std::move(check));
        }
    const std::string command = !uris.empty() ? "memrig run --backend " + backend : "memrig run";
    const bool ready = std::ranges::find(checks, Readiness::missing, &HostCheck::readiness) == checks.end();
    const Terminal terminal(stdout);
    const Status printed =
        print_result(as_json ? checks_json(checks, ready) : checks_text(checks, ready, command, terminal.paint()));
    if (!printed) return report_error(printed.error());
    return ready ? kExitGood : kExitRigFault;
}

}  // namespace

void add_doctor_command(CLI::App& program, Action& action) {
    auto as_json = std::make_shared<bool>(false);
    auto backend = std::make_shared<std::string>("qemu");
    CLI::App* command = program.add_subcommand("doctor", "Check what this host can do, and what it lacks");
    add_hosts_option(*command, *backend);
    command->add_flag("--json", *as_json, "Print JSON");
    command->footer(
        "Each line is ok, note (`memrig run` works without it) or missing, with the remedy. The exit status is 3 if\n"
        "something is missing that `memrig run` needs, else 0. A libvirt is tested with a domain.\n\n"
        "Example:\n  memrig doctor --backend libvirt:qemu:///system\n");
    command->callback(
        [as_json, backend, &action] { action = [as_json, backend] { return doctor(*backend, *as_json); }; });
}

}  // namespace memrig
