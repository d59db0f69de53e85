#include "kernel/catalogue.h"

#include <algorithm>

#include "base/file.h"
#include "base/paths.h"
#include "base/toml_reader.h"
#include "kernel/build_tools.h"
#include "kernel/debian_package.h"

namespace memrig {

namespace {

// The file that holds the directory which tools/fetch-deb last printed for this entry. Fetching a newer package
// replaces it.
Result<fs::path> pointer_file(const KernelEntry& entry) {
    MEMRIG_TRY(const fs::path cache, cache_directory());
    MEMRIG_CHECK(make_directories(cache / "kernels"));
    return cache / "kernels" / entry.id;
}

// The kernel images of an unpacked package, each with its version: boot/vmlinuz-VERSION, or since forky
// usr/lib/modules/VERSION/vmlinuz.
std::vector<std::pair<fs::path, std::string>> images_in(const fs::path& root) {
    const auto is_image = [](const fs::path& file) { return file.filename().string().starts_with("vmlinu"); };
    std::vector<std::pair<fs::path, std::string>> images;
    std::error_code code;
    for (const auto& file : fs::directory_iterator(root / "boot", code)) {
        const std::string name = file.path().filename().string();
        if (is_image(file.path())) images.emplace_back(file.path(), name.substr(name.find('-') + 1));
    }
    for (const auto& version : fs::directory_iterator(root / "usr/lib/modules", code))
        for (const auto& file : fs::directory_iterator(version.path(), code))
            if (is_image(file.path())) images.emplace_back(file.path(), version.path().filename().string());
    return images;
}

Result<KernelImage> kernel_in(const KernelEntry& entry, const fs::path& package) {
    const fs::path root = package / "root";
    const auto images = images_in(root);
    if (images.size() != 1)
        return fail(Fault::host, "{} holds {} kernel images, not one", root.string(), images.size());
    MEMRIG_TRY(KernelImage kernel, kernel_from_file(images.front().first));
    kernel.id = entry.id;
    kernel.release = images.front().second;
    kernel.modules = modules_beside(kernel);
    if (kernel.modules.empty()) return fail(Fault::host, "{} holds no modules for {}", root.string(), kernel.release);
    if (kernel.arch != entry.arch) return fail(Fault::host, "{} is for {}, not {}", entry.id, kernel.arch, entry.arch);
    return kernel;
}

KernelRecipe recipe_of(const KernelEntry& entry) {
    KernelRecipe recipe{entry.id, entry.arch, entry.package, entry.suite, {}, entry.mutant, entry.toolchain};
    for (const auto& config : entry.configs)
        recipe.configs.push_back(home_directory() / "guest-images" / "configs" / config);
    return recipe;
}

void read_debian(TomlTable& table, KernelEntry& entry) { entry.debian_arch = table.string("arch"); }

void read_built(TomlTable& table, KernelEntry& entry) {
    entry.configs = table.strings("config", true);
    for (const auto& config : entry.configs)
        if (config.find('/') != std::string::npos)
            table.report("config", fmt::format("\"{}\" is not the name of a file in guest-images/configs", config));
    entry.toolchain =
        table.choice("toolchain", {"gnu", "llvm"}, std::size_t{0}) == 1 ? Toolchain::llvm : Toolchain::gnu;
}

template <class Act>
auto with_builder(const Act& act) -> decltype(act(std::declval<KernelBuilder&>())) {
    MEMRIG_TRY(const fs::path cache, cache_directory());
    const auto tools = make_build_tools();
    KernelBuilder builder(*tools, cache);
    return act(builder);
}

}  // namespace

const char* to_string(KernelProvider provider) { return provider == KernelProvider::debian ? "debian" : "built"; }

Result<std::vector<KernelEntry>> kernel_catalogue() {
    const fs::path path = home_directory() / "guest-images" / "kernels.toml";
    MEMRIG_TRY(TomlDocument document, TomlDocument::load(path.string()));
    MEMRIG_CHECK(document.status());
    TomlTable root = document.root();
    root.integer("schema", 1, 1);
    std::vector<KernelEntry> entries;
    for (auto& table : root.tables("kernel", true)) {
        KernelEntry entry;
        entry.id = table.string("id");
        entry.description = table.string("description");
        entry.provider =
            table.choice("provider", {"debian", "built"}) == 0 ? KernelProvider::debian : KernelProvider::built;
        entry.package = table.string("package");
        entry.suite = table.string("suite");
        entry.arch = table.string("machine-arch");
        if (entry.provider == KernelProvider::debian) read_debian(table, entry);
        else read_built(table, entry);
        table.finish();
        entries.push_back(std::move(entry));
    }
    root.finish();
    MEMRIG_CHECK(document.status());
    return entries;
}

Result<std::vector<KernelEntry>> mutant_catalogue(const std::vector<KernelEntry>& parents) {
    MEMRIG_TRY(const auto mutants, source_mutants());
    std::vector<KernelEntry> entries;
    for (const auto& parent : parents)
        for (const auto& mutant : mutants) {
            if (parent.provider != KernelProvider::built || !mutant.is_for(parent.id, parent.arch)) continue;
            KernelEntry entry = parent;
            entry.id = parent.id + "+" + mutant.name;
            entry.description = mutant.description;
            entry.mutant = mutant.of(parent.id);
            entries.push_back(std::move(entry));
        }
    return entries;
}

Result<KernelEntry> find_kernel(const std::string& id) {
    MEMRIG_TRY(auto kernels, kernel_catalogue());
    const bool mutant = id.find('+') != std::string::npos;
    if (mutant) {
        MEMRIG_TRY(kernels, mutant_catalogue(kernels));
    }
    const auto entry = std::ranges::find(kernels, id, &KernelEntry::id);
    if (entry != kernels.end()) return *entry;
    const std::string remedy = fs::exists(id) ? fmt::format("for the file in this folder write ./{}", id)
                               : mutant       ? "memrig kernels list --all shows what there is"
                                              : "memrig kernels list shows what there is";
    return fail_with({Fault::user_input, fmt::format("there is no kernel \"{}\"", id), {}}, remedy);
}

Result<std::optional<KernelImage>> cached_kernel(const KernelEntry& entry) {
    if (entry.provider == KernelProvider::built)
        return with_builder([&](KernelBuilder& builder) { return builder.built(recipe_of(entry)); });
    MEMRIG_TRY(const fs::path pointer, pointer_file(entry));
    const auto package = read_file(pointer, 4096);
    if (!package) return std::nullopt;
    const auto kernel = kernel_in(entry, *package);
    return kernel ? std::optional(*kernel) : std::nullopt;
}

Result<KernelImage> fetch_kernel(const KernelEntry& entry) {
    if (entry.provider == KernelProvider::built)
        return fail_with({Fault::user_input, fmt::format("the kernel {} is built, not fetched", entry.id), {}},
                         fmt::format("memrig kernels build {}", entry.id));
    MEMRIG_TRY(const fs::path directory,
               fetch_debian_package({entry.package, entry.suite, entry.debian_arch}, "the kernel " + entry.id));
    MEMRIG_TRY(KernelImage kernel, kernel_in(entry, directory));
    MEMRIG_TRY(const fs::path pointer, pointer_file(entry));
    MEMRIG_CHECK(write_file(pointer, directory.string()));
    return kernel;
}

Result<KernelImage> build_kernel(const KernelEntry& entry) {
    if (entry.provider != KernelProvider::built)
        return fail_with({Fault::user_input, fmt::format("the kernel {} is fetched, not built", entry.id), {}},
                         fmt::format("memrig kernels fetch {}", entry.id));
    return with_builder([&](KernelBuilder& builder) { return builder.build(recipe_of(entry)); });
}

Result<KernelImage> build_own_kernel(const OwnTree& tree) {
    if (find_kernel(tree.id))
        return fail_with({Fault::user_input, fmt::format("\"{}\" is a kernel of the catalogue", tree.id), {}},
                         "give --id another name");
    return with_builder([&](KernelBuilder& builder) { return builder.build(tree); });
}

bool is_kernel_path(const std::string& id_or_path) { return id_or_path.find('/') != std::string::npos; }

Status check_modules(const std::vector<std::string>& kernels, const fs::path& modules) {
    if (modules.empty()) return {};
    if (kernels.size() != 1)
        return fail_with({Fault::user_input,
                          fmt::format("a folder of modules is for one kernel, but {} are given", kernels.size()),
                          {}},
                         "give one kernel, by its path");
    if (!is_kernel_path(kernels.front()))
        return fail_with(
            {Fault::user_input,
             fmt::format("the kernel \"{}\" is known by its id, and takes no folder of modules", kernels.front()),
             {}},
            "give the kernel by its path, such as ./bzImage");
    return {};
}

Result<KernelImage> resolve_kernel(const std::string& id_or_path, const fs::path& modules) {
    MEMRIG_CHECK(check_modules({id_or_path}, modules));
    if (is_kernel_path(id_or_path)) {
        MEMRIG_TRY(KernelImage kernel, kernel_from_file(id_or_path));
        kernel.modules = modules_beside(kernel);
        if (!modules.empty()) MEMRIG_CHECK(use_modules(kernel, modules));
        return kernel;
    }
    const auto entry = find_kernel(id_or_path);
    if (!entry) {
        MEMRIG_TRY(auto own, with_builder([&](KernelBuilder& builder) { return builder.own(id_or_path); }));
        if (own) return *std::move(own);
        return std::unexpected(entry.error());
    }
    MEMRIG_TRY(auto cached, cached_kernel(*entry));
    if (cached) return *std::move(cached);
    return entry->provider == KernelProvider::built ? build_kernel(*entry) : fetch_kernel(*entry);
}

}  // namespace memrig
