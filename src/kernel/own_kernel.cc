// KernelBuilder for a user's tree. The source may change at any time, so make decides what to compile.
#include <algorithm>

#include "base/hash.h"
#include "base/process.h"
#include "kernel/build_helpers.h"
#include "kernel/build_tools.h"
#include "kernel/builder.h"

namespace memrig {

namespace {

bool is_id(const std::string& id) {
    return !id.empty() && id.front() != '.' && std::ranges::all_of(id, [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
    });
}

}  // namespace

Result<fs::path> KernelBuilder::place_of(const OwnTree& tree) {
    MEMRIG_TRY(const KbuildArch arch, kbuild_arch(tree.arch));
    MEMRIG_CHECK(check_source(tree.source));
    MEMRIG_TRY(const auto configs, read_configs(tree.configs));
    MEMRIG_TRY(const std::string compiler, tools_.compiler_version(arch.compiler(tree.toolchain)));
    std::error_code code;
    Hasher hasher;
    hasher.add(fs::canonical(tree.source, code).string()).add(tree.arch).add(compiler);
    for (const auto& config : configs) hasher.add(config.text);
    return kernels_ / "own-trees" / hasher.finish().substr(0, 32);
}

Result<KernelImage> KernelBuilder::build(const OwnTree& tree) {
    if (!is_id(tree.id))
        return fail_with({Fault::user_input, fmt::format("\"{}\" is not a kernel id", tree.id), {}},
                         "give --id letters, digits, '.', '-' and '_', without a leading '.'");
    MEMRIG_TRY(const KbuildArch arch, kbuild_arch(tree.arch));
    MEMRIG_TRY(const fs::path place, place_of(tree));
    MEMRIG_TRY(const auto configs, read_configs(tree.configs));
    MEMRIG_TRY(const FileLock lock, lock_tree(place));
    std::error_code code;
    const fs::path source = fs::canonical(tree.source, code);
    // A build that was interrupted may have left half-written objects.
    if (!fs::exists(place / "whole", code)) MEMRIG_CHECK(remove_tree(place));
    fs::remove(place / "whole", code);
    MEMRIG_CHECK(make_directories(place));
    MEMRIG_CHECK(need_room(place, fs::exists(place / "build", code) ? kKernelTreeRoom / 10 : kKernelTreeRoom));
    Unfinished unfinished(place);
    const KernelTree kernel_tree{arch, source, place / "build", ccache_environment(kernels_.parent_path(), {}),
                                 tree.toolchain};
    MEMRIG_TRY(BuildLog log, BuildLog::make(place / "build.log"));
    MEMRIG_CHECK(configure(tools_, kernel_tree, configs, log));
    const Status made = make_image(tools_, kernel_tree, "building " + tree.id, 0, log);
    // If a compiler rejects the source, no half-written object remains: make removes the target (.DELETE_ON_ERROR in
    // scripts/Kbuild.include). The other objects stay valid, and the next step of a bisection needs them.
    if (!made && made.error().fault == Fault::user_input) {
        MEMRIG_CHECK(write_file(place / "whole", source.string() + "\n"));
        unfinished.keep();
    }
    MEMRIG_CHECK(made);
    const fs::path entry = kernels_ / "own" / tree.id;
    MEMRIG_CHECK(publish(kernel_tree, place / "build.log", entry, {}));
    MEMRIG_CHECK(write_file(place / "whole", source.string() + "\n"));
    unfinished.keep();
    const auto kernel = published_kernel(entry, arch, tree.id);
    if (!kernel) return fail(Fault::host, "the kernel was built, but is not in {}", entry.string());
    return *kernel;
}

Result<std::optional<KernelImage>> KernelBuilder::own(const std::string& id) {
    if (!is_id(id)) return std::nullopt;
    for (const KbuildArch& arch : kbuild_arches())
        if (auto kernel = published_kernel(kernels_ / "own" / id, arch, id)) return kernel;
    return std::nullopt;
}

}  // namespace memrig
