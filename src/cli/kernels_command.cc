// memrig kernels
#include <memory>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "cli/command.h"
#include "cli/json_target.h"
#include "cli/output.h"
#include "cli/toolchain_options.h"
#include "kernel/catalogue.h"

namespace memrig {

namespace {

struct Listed {
    KernelEntry entry;
    std::optional<KernelImage> image;
};

Result<std::vector<Listed>> kernels_with_images(bool all) {
    MEMRIG_TRY(auto catalogue, kernel_catalogue());
    if (all) {
        MEMRIG_TRY(const auto mutants, mutant_catalogue(catalogue));
        catalogue.insert(catalogue.end(), mutants.begin(), mutants.end());
    }
    std::vector<Listed> kernels;
    for (const auto& entry : catalogue) {
        MEMRIG_TRY(auto image, cached_kernel(entry));
        kernels.push_back({entry, std::move(image)});
    }
    return kernels;
}

// Adds the keys of kernels.toml that depend on the provider.
void add_provider_keys(nlohmann::ordered_json& row, const KernelEntry& entry, bool cached) {
    row["package"] = entry.package;
    row["suite"] = entry.suite;
    if (entry.provider == KernelProvider::debian) {
        row["fetched"] = cached;
        return;
    }
    row["config"] = entry.configs;
    row["built"] = cached;
    if (!entry.mutant) return;
    row["mutant"] = entry.mutant->name;
    row["parent"] = entry.id.substr(0, entry.id.find('+'));
    if (!entry.mutant->equivalent.empty()) row["equivalent"] = entry.mutant->equivalent;
}

std::string kernels_json(const std::vector<Listed>& kernels) {
    nlohmann::ordered_json json = {{"schema", 1}, {"kernels", nlohmann::ordered_json::array()}};
    for (const auto& [entry, image] : kernels) {
        nlohmann::ordered_json row = {{"id", entry.id},
                                      {"description", entry.description},
                                      {"arch", entry.arch},
                                      {"provider", to_string(entry.provider)}};
        add_provider_keys(row, entry, image.has_value());
        if (image) {
            row["version"] = image->release;
            row["image"] = image->image.string();
            row["sha256"] = image->sha256;
        }
        json["kernels"].push_back(std::move(row));
    }
    return json.dump(2) + "\n";
}

int list(bool all, const std::string& json) {
    if (const Status target = check_json_target(json); !target) return report_error(target.error());
    const auto kernels = kernels_with_images(all);
    if (!kernels) return report_error(kernels.error());
    std::vector<std::vector<std::string>> rows = {{"ID", "ARCH", "PROVIDER", "IN CACHE", "DESCRIPTION"}};
    for (const auto& [entry, image] : *kernels)
        rows.push_back(
            {entry.id, entry.arch, to_string(entry.provider), image ? image->release : "no", entry.description});
    const Status printed = show(json, [&] { return aligned(rows); }, [&] { return kernels_json(*kernels); });
    return printed ? kExitGood : report_error(printed.error());
}

// Gets kernels one after another. All ids are checked before the first kernel is fetched or built.
int get_all(const std::vector<std::string>& ids, KernelProvider provider,
            const std::function<Result<KernelImage>(const KernelEntry&)>& get) {
    std::vector<KernelEntry> entries;
    for (const auto& id : ids) {
        auto entry = find_kernel(id);
        if (!entry) return report_error(entry.error());
        // get() refuses a kernel of another provider; its error names the right command.
        if (entry->provider != provider) return report_error(get(*entry).error());
        entries.push_back(*std::move(entry));
    }
    for (const auto& entry : entries) {
        const auto image = get(entry);
        if (!image) return report_error(image.error());
        const Status printed =
            print_result(fmt::format("{}  {}  {}\n", entry.id, image->release, image->image.string()));
        if (!printed) return report_error(printed.error());
    }
    return kExitGood;
}

struct BuildOptions {
    std::vector<std::string> ids;
    std::string source, id;
    std::vector<std::string> configs;
    std::string arch = "x86_64";
    Toolchain toolchain = Toolchain::gnu;
};

int build_own(const BuildOptions& options) {
    OwnTree tree;
    std::error_code code;
    tree.source = fs::weakly_canonical(options.source, code);
    tree.id = options.id.empty() ? tree.source.filename().string() : options.id;
    for (const auto& config : options.configs) tree.configs.emplace_back(config);
    tree.arch = options.arch;
    tree.toolchain = options.toolchain;
    const auto image = build_own_kernel(tree);
    if (!image) return report_error(image.error());
    const Status printed = print_result(image->image.string() + "\n");
    return printed ? kExitGood : report_error(printed.error());
}

int build(const BuildOptions& options) {
    if (options.source.empty()) {
        if (options.ids.empty() || !options.configs.empty() || !options.id.empty())
            return report_error({Fault::user_input, "give ids of kernels, or --source with --config", {}});
        return get_all(options.ids, KernelProvider::built, build_kernel);
    }
    if (!options.ids.empty())
        return report_error({Fault::user_input, "give either ids of kernels or --source, not both", {}});
    if (options.configs.empty())
        return report_error({Fault::user_input, "--source needs --config: a .config, or fragments of one", {}});
    return build_own(options);
}

void add_build_command(CLI::App& kernels, Action& action) {
    auto options = std::make_shared<BuildOptions>();
    CLI::App* command =
        kernels.add_subcommand("build", "Build kernels from source, by id or from your own source tree");
    command->add_option("ID", options->ids, "Ids of kernels; a mutant's id is PARENT+MUTANT")->type_name("");
    command->add_option("--source", options->source, "Your own source tree; it is not written to")->type_name("DIR");
    command
        ->add_option("--config", options->configs, "With --source: a whole .config, or a fragment; may be given again")
        ->type_name("FILE")
        ->allow_extra_args(false);
    command
        ->add_option("--id", options->id,
                     "With --source: the id of the kernel, for --kernel; default: the last part of DIR")
        ->type_name("NAME");
    add_toolchain_options(*command, options->arch, options->toolchain);
    command->footer(
        "Prints the image's path. Build trees stay in the cache, so the next build compiles only what changed.\n\n"
        "Example:\n"
        "  memrig kernels build ref-6.12-amd64 ref-6.12-amd64+online_store\n"
        "  memrig kernels build --source ~/linux --config guest-images/configs/small.config --id bisect\n"
        "  memrig kernels build --source ~/linux --config my.config --arch aarch64 --llvm\n");
    command->callback([options, &action] { action = [options] { return build(*options); }; });
}

}  // namespace

void add_kernels_command(CLI::App& program, Action& action) {
    CLI::App* command = program.add_subcommand("kernels", "List, fetch and build kernels");
    command->require_subcommand(1);
    command->footer("Example:\n  memrig kernels fetch debian-6.1-amd64\n");

    auto as_json = std::make_shared<std::string>();
    auto all = std::make_shared<bool>(false);
    CLI::App* list_command =
        command->add_subcommand("list", "List the kernels known by id, and whether they are in the cache");
    list_command->add_flag("--all", *all, "List mutants, too");
    add_json_option(*list_command, *as_json);
    list_command->footer("Example:\n  memrig kernels list --json\n");
    list_command->callback([all, as_json, &action] { action = [all, as_json] { return list(*all, *as_json); }; });

    auto ids = std::make_shared<std::vector<std::string>>();
    CLI::App* fetch_command = command->add_subcommand("fetch", "Fetch kernels into the cache, or update them");
    fetch_command->add_option("ID", *ids, "Ids of kernels, as `memrig kernels list` shows them")
        ->required()
        ->type_name("");
    fetch_command->footer(
        "Kernels are unpacked into the cache, never installed.\n\n"
        "Example:\n  memrig kernels fetch debian-6.1-amd64 debian-6.12-amd64\n");
    fetch_command->callback(
        [ids, &action] { action = [ids] { return get_all(*ids, KernelProvider::debian, fetch_kernel); }; });
    add_build_command(*command, action);
}

}  // namespace memrig
