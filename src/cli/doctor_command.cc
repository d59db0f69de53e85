// memrig doctor
#include <algorithm>
#include <iterator>
#include <memory>

#include <nlohmann/json.hpp>

#include "base/assert.h"
#include "base/json_text.h"
#include "cli/backend_option.h"
#include "cli/command.h"
#include "cli/host_checks.h"
#include "cli/json_target.h"
#include "cli/kernel_checks.h"
#include "cli/libvirt_checks.h"
#include "cli/modules_option.h"
#include "cli/output.h"
#include "kernel/catalogue.h"

namespace memrig {

namespace {

struct DoctorOptions {
    std::string backend = "qemu", bench;
    std::vector<std::string> kernels;
    std::filesystem::path modules;
    std::string json;
};

std::string checks_json(const std::vector<HostCheck>& checks, bool ready) {
    using Json = nlohmann::ordered_json;
    Json json = {{"schema", 1}, {"ready", ready}, {"checks", Json::array()}};
    for (const auto& check : checks)
        json["checks"].push_back({{"name", check.name},
                                  {"status", to_string(check.readiness)},
                                  {"detail", check.detail},
                                  {"remedy", check.remedy}});
    return json_document(json);
}

std::string rows_text(const std::vector<HostCheck>& checks, const Paint& paint) {
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
    return text;
}

std::string checks_text(const std::vector<HostCheck>& checks, bool ready, const std::string& command,
                        const Paint& paint) {
    return rows_text(checks, paint) +
           (ready ? paint.good("this host is ready for `" + command + "`")
                  : paint.bad("this host is not ready for `" + command + "`: something is missing")) +
           "\n";
}

int doctor(const std::string& backend, const std::string& json) {
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
    const Status printed = show(
        json, [&] { return checks_text(checks, ready, command, terminal.paint()); },
        [&] { return checks_json(checks, ready); });
    if (!printed) return report_error(printed.error());
    return ready ? kExitGood : kExitRigFault;
}

// The checks of each kernel, one table each. Status 3 if the rig does not see all of what it should on one of them.
int doctor_kernels(const DoctorOptions& options) {
    MEMRIG_ASSERT(!options.kernels.empty(), "a kernel is named");
    if (const Status fit = check_modules(options.kernels, options.modules); !fit) return report_error(fit.error());
    const auto host = make_backend(options.backend);
    if (!host) return report_error(host.error());
    const Terminal terminal(stdout), progress(stderr);
    auto all = nlohmann::ordered_json::array();
    std::string text;
    bool ready = true;
    for (const auto& kernel : options.kernels) {
        const auto made = check_kernel(kernel, options.modules, options.bench, **host, [&](const std::string& what) {
            progress.print(fmt::format("memrig: {}\n", one_line(what)));
        });
        if (!made) return report_error(made.error());
        const bool whole =
            std::ranges::find(made->checks, Readiness::missing, &HostCheck::readiness) == made->checks.end();
        ready = ready && whole;
        auto json = nlohmann::ordered_json::parse(checks_json(made->checks, whole));
        json["kernel"] = kernel;
        json["release"] = made->release;
        json["bench"] = made->bench;
        all.push_back(std::move(json));
        text +=
            terminal.paint().heading(one_line(is_kernel_path(kernel)
                                                  ? fmt::format("{} on {}", made->release, made->bench)
                                                  : fmt::format("{} ({}) on {}", kernel, made->release, made->bench))) +
            "\n" + rows_text(made->checks, terminal.paint()) +
            (whole
                 ? terminal.paint().good("all that this kernel has is judged")
                 : terminal.paint().bad("memrig does not see all of this kernel: what it does not see is not judged")) +
            "\n";
    }
    const Status printed = show(options.json, [&] { return text; }, [&] { return json_document(all); });
    if (!printed) return report_error(printed.error());
    return ready ? kExitGood : kExitRigFault;
}

}  // namespace

void add_doctor_command(CLI::App& program, Action& action) {
    auto options = std::make_shared<DoctorOptions>();
    CLI::App* command = program.add_subcommand("doctor", "Check what this host can do, and what it lacks");
    add_hosts_option(*command, options->backend);
    add_json_option(*command, options->json);
    CLI::Option* kernel = command->add_option(
        "--kernel", options->kernels, "Boot this kernel, and tell what can be judged on it (several: repeat it)");
    add_modules_option(*command, options->modules);
    command->add_option("--bench", options->bench, "Boot the kernel on this bench")->needs(kernel);
    command->footer(
        "Each line is ok, note (`memrig run` works without it) or missing, with the remedy. The exit status is 3 if\n"
        "something is missing that `memrig run` needs, else 0. A libvirt is tested with a domain.\n\n"
        "With --kernel, each line is a watcher, a rule or a role. `missing` is what memrig does not see on this "
        "kernel;\n"
        "it is not judged there.\n\n"
        "Example:\n  memrig doctor --backend libvirt:qemu:///system\n"
        "  memrig doctor --kernel debian-6.12-amd64\n");
    command->callback([options, &action] {
        action = [options] {
            if (const Status target = check_json_target(options->json); !target) return report_error(target.error());
            return options->kernels.empty() ? doctor(options->backend, options->json) : doctor_kernels(*options);
        };
    });
}

}  // namespace memrig
