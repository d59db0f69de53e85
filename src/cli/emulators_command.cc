// memrig emulators
#include <memory>

#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "cli/command.h"
#include "cli/json_target.h"
#include "cli/output.h"
#include "machine/emulator.h"

namespace memrig {

namespace {

Status list_emulators(const std::string& target) {
    MEMRIG_CHECK(check_json_target(target));
    MEMRIG_TRY(const auto entries, emulator_catalogue());
    std::vector<std::vector<std::string>> rows = {{"ID", "PROGRAM", "IN CACHE", "DESCRIPTION"}};
    auto json = nlohmann::ordered_json::array();
    for (const auto& entry : entries)
        for (const auto& [program, package] : entry.packages) {
            MEMRIG_TRY(const auto emulator, cached_emulator(entry, program));
            Result<std::string> version = "no";
            if (emulator) version = emulator_version(*emulator);
            rows.push_back({entry.id, program, version ? *version : version.error().message, entry.description});
            json.push_back({{"id", entry.id},
                            {"program", program},
                            {"fetched", emulator.has_value()},
                            {"version", emulator && version ? nlohmann::ordered_json(*version) : nullptr},
                            {"description", entry.description}});
        }
    return show(target, [&] { return aligned(rows); }, [&] { return json_document(json); });
}

// Checks all ids before the first QEMU is fetched.
Status fetch(const std::vector<std::string>& ids) {
    std::vector<EmulatorEntry> entries;
    for (const auto& id : ids) {
        MEMRIG_TRY(EmulatorEntry entry, find_emulator(id));
        entries.push_back(std::move(entry));
    }
    for (const auto& entry : entries)
        for (const auto& [program, package] : entry.packages) {
            MEMRIG_TRY(const Emulator emulator, fetch_emulator(entry, program));
            MEMRIG_TRY(const std::string version, emulator_version(emulator));
            MEMRIG_CHECK(print_result(fmt::format("{}  {}  {}\n", entry.id, version, emulator.program)));
        }
    return {};
}

int exit_status(const Status& status) { return status ? kExitGood : report_error(status.error()); }

}  // namespace

void add_emulators_command(CLI::App& program, Action& action) {
    CLI::App* command = program.add_subcommand("emulators", "List and fetch QEMUs other than the one in PATH");
    command->require_subcommand(1);
    command->footer("Example:\n  memrig emulators fetch debian-12-backports\n");

    CLI::App* list_command =
        command->add_subcommand("list", "List the QEMUs known by id, and whether they are in the cache");
    auto json = std::make_shared<std::string>();
    add_json_option(*list_command, *json);
    list_command->footer("Example:\n  memrig emulators list --json\n");
    list_command->callback([json, &action] { action = [json] { return exit_status(list_emulators(*json)); }; });

    auto ids = std::make_shared<std::vector<std::string>>();
    CLI::App* fetch_command = command->add_subcommand("fetch", "Fetch QEMUs into the cache, or update them");
    fetch_command->add_option("ID", *ids, "Ids, as `memrig emulators list` shows them")->required()->type_name("");
    fetch_command->footer(
        "QEMUs are unpacked into the cache, with the dependencies that this host lacks. Nothing is installed.\n\n"
        "Example:\n  memrig emulators fetch debian-12-backports\n");
    fetch_command->callback([ids, &action] { action = [ids] { return exit_status(fetch(*ids)); }; });
}

}  // namespace memrig
