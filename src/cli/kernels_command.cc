// memrig kernels
#include <algorithm>
#include <memory>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "cli/command.h"
#include "cli/output.h"
#include "machine/kernel_catalogue.h"

namespace memrig {

namespace {

struct Listed {
    KernelEntry entry;
    std::optional<KernelImage> image;
};

Result<std::vector<Listed>> kernels_with_images() {
    MEMRIG_TRY(const auto catalogue, kernel_catalogue());
    std::vector<Listed> kernels;
    for (const auto& entry : catalogue) {
        MEMRIG_TRY(auto image, cached_kernel(entry));
        kernels.push_back({entry, std::move(image)});
    }
    return kernels;
}

std::string kernels_json(const std::vector<Listed>& kernels) {
    nlohmann::ordered_json json = {{"schema", 1}, {"kernels", nlohmann::ordered_json::array()}};
    for (const auto& [entry, image] : kernels) {
        nlohmann::ordered_json row = {{"id", entry.id},
                                      {"description", entry.description},
                                      {"arch", entry.arch},
                                      {"provider", entry.provider},
                                      {"package", entry.package},
                                      {"suite", entry.suite},
                                      {"fetched", image.has_value()}};
        if (image) {
            row["version"] = image->modules_version;
            row["image"] = image->image.string();
            row["sha256"] = image->sha256;
        }
        json["kernels"].push_back(std::move(row));
    }
    return json.dump(2) + "\n";
}

int list(bool as_json) {
    const auto kernels = kernels_with_images();
    if (!kernels) return report_error(kernels.error());
    std::vector<std::vector<std::string>> rows = {{"ID", "ARCH", "FETCHED", "DESCRIPTION"}};
    for (const auto& [entry, image] : *kernels)
        rows.push_back({entry.id, entry.arch, image ? image->modules_version : "no", entry.description});
    const Status printed = print_result(as_json ? kernels_json(*kernels) : aligned(rows));
    return printed ? kExitGood : report_error(printed.error());
}

// All are known before the first is fetched.
Result<std::vector<KernelEntry>> entries_of(const std::vector<std::string>& ids) {
    MEMRIG_TRY(const auto catalogue, kernel_catalogue());
    std::vector<KernelEntry> entries;
    for (const auto& id : ids) {
        const auto entry = std::ranges::find(catalogue, id, &KernelEntry::id);
        if (entry == catalogue.end())
            return fail_with({Fault::user_input, fmt::format("there is no kernel \"{}\"", id), {}},
                             "memrig kernels list shows what there is");
        entries.push_back(*entry);
    }
    return entries;
}

int fetch(const std::vector<std::string>& ids) {
    const auto entries = entries_of(ids);
    if (!entries) return report_error(entries.error());
    for (const auto& entry : *entries) {
        const auto image = fetch_kernel(entry);
        if (!image) return report_error(image.error());
        const Status printed =
            print_result(fmt::format("{}  {}  {}\n", entry.id, image->modules_version, image->image.string()));
        if (!printed) return report_error(printed.error());
    }
    return kExitGood;
}

}  // namespace

void add_kernels_command(CLI::App& program, Action& action) {
    CLI::App* command = program.add_subcommand("kernels", "List and fetch kernels");
    command->require_subcommand(1);
    command->footer("Example:\n  memrig kernels fetch debian-6.1-amd64\n");

    auto as_json = std::make_shared<bool>(false);
    CLI::App* list_command = command->add_subcommand("list", "The kernels known by id, and whether they were fetched");
    list_command->add_flag("--json", *as_json, "As JSON");
    list_command->footer("Example:\n  memrig kernels list --json\n");
    list_command->callback([as_json, &action] { action = [as_json] { return list(*as_json); }; });

    auto ids = std::make_shared<std::vector<std::string>>();
    CLI::App* fetch_command =
        command->add_subcommand("fetch", "Fetch kernels into the cache, or bring them up to date");
    fetch_command->add_option("ID", *ids, "Ids of kernels, as `memrig kernels list` shows them")
        ->required()
        ->type_name("");
    fetch_command->footer(
        "Kernels are unpacked into the cache, never installed.\n\n"
        "Example:\n  memrig kernels fetch debian-6.1-amd64 debian-6.12-amd64\n");
    fetch_command->callback([ids, &action] { action = [ids] { return fetch(*ids); }; });
}

}  // namespace memrig
