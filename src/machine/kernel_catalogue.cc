#include "machine/kernel_catalogue.h"

#include <algorithm>

#include "base/file.h"
#include "base/paths.h"
#include "base/process.h"
#include "base/toml_reader.h"

namespace memrig {

namespace {

using namespace std::chrono_literals;
constexpr auto kDownloadPatience = 30min;

// The directory that tools/fetch-deb printed last for this entry. A newer package replaces it when fetched again.
Result<fs::path> pointer_file(const KernelEntry& entry) {
    MEMRIG_TRY(const fs::path cache, cache_directory());
    MEMRIG_CHECK(make_directories(cache / "kernels"));
    return cache / "kernels" / entry.id;
}

Result<KernelImage> kernel_in(const KernelEntry& entry, const fs::path& package) {
    const fs::path root = package / "root";
    std::error_code code;
    std::vector<fs::path> images;
    for (const auto& file : fs::directory_iterator(root / "boot", code))
        if (file.path().filename().string().starts_with("vmlinu")) images.push_back(file.path());
    if (images.size() != 1)
        return fail(Fault::host, "{} holds {} kernel images, not one", (root / "boot").string(), images.size());
    MEMRIG_TRY(KernelImage kernel, kernel_from_file(images.front()));
    const std::string name = images.front().filename().string();
    kernel.id = entry.id;
    kernel.modules_version = name.substr(name.find('-') + 1);
    kernel.modules_root = root;
    if (kernel.arch != entry.arch) return fail(Fault::host, "{} is for {}, not {}", entry.id, kernel.arch, entry.arch);
    return kernel;
}

}  // namespace

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
        table.choice("provider", {"debian"});
        entry.provider = "debian";
        entry.package = table.string("package");
        entry.suite = table.string("suite");
        entry.debian_arch = table.string("arch");
        entry.arch = table.string("machine-arch");
        table.finish();
        entries.push_back(std::move(entry));
    }
    root.finish();
    MEMRIG_CHECK(document.status());
    return entries;
}

Result<std::optional<KernelImage>> cached_kernel(const KernelEntry& entry) {
    MEMRIG_TRY(const fs::path pointer, pointer_file(entry));
    const auto package = read_file(pointer, 4096);
    if (!package) return std::nullopt;
    const auto kernel = kernel_in(entry, *package);
    return kernel ? std::optional(*kernel) : std::nullopt;
}

Result<KernelImage> fetch_kernel(const KernelEntry& entry) {
    const fs::path script = home_directory() / "tools" / "fetch-deb";
    MEMRIG_TRY(const RunResult run,
               run_program({script.string(), "--suite", entry.suite, "--arch", entry.debian_arch, entry.package},
                           Deadline::after(kDownloadPatience)));
    if (!run.status.success())
        return fail_with(
            {Fault::host,
             fmt::format("cannot fetch the kernel {}: tools/fetch-deb ended with {}", entry.id, run.status.text()),
             {}},
            "its own message stands above");
    const std::string directory = run.output.substr(0, run.output.find('\n'));
    MEMRIG_TRY(KernelImage kernel, kernel_in(entry, directory));
    MEMRIG_TRY(const fs::path pointer, pointer_file(entry));
    MEMRIG_CHECK(write_file(pointer, directory));
    return kernel;
}

Result<KernelImage> resolve_kernel(const std::string& id_or_path) {
    if (id_or_path.find('/') != std::string::npos) return kernel_from_file(id_or_path);
    MEMRIG_TRY(const auto catalogue, kernel_catalogue());
    const auto entry = std::ranges::find(catalogue, id_or_path, &KernelEntry::id);
    if (entry == catalogue.end()) {
        const std::string remedy = fs::exists(id_or_path)
                                       ? fmt::format("for the file in this folder write ./{}", id_or_path)
                                       : "memrig kernels list shows what there is";
        return fail_with({Fault::user_input, fmt::format("there is no kernel \"{}\"", id_or_path), {}}, remedy);
    }
    MEMRIG_TRY(auto cached, cached_kernel(*entry));
    if (cached) return *std::move(cached);
    return fetch_kernel(*entry);
}

}  // namespace memrig
