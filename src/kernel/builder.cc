#include "kernel/builder.h"

#include <algorithm>

#include "base/hash.h"
#include "base/paths.h"
#include "kernel/build_helpers.h"
#include "kernel/build_tools.h"

namespace memrig {

namespace {

constexpr unsigned kBuildFormat = 1;     // increase it if the contents or the way of a build change
constexpr unsigned kParentSteps = 1600;  // make's steps for a reference kernel, for the progress
constexpr std::uint64_t kSourceRoom = 2ull << 30;
constexpr std::uint64_t kMutantRoom = 100ull << 20;

// Makes a hard link, or else a copy. Builds only read both files, and a mutant replaces its file instead of writing to
// it.
Status link_file(const fs::path& from, const fs::path& to) {
    std::error_code code;
    fs::remove(to, code);
    fs::create_hard_link(from, to, code);
    if (code) fs::copy_file(from, to, fs::copy_options::overwrite_existing, code);
    if (code) return fail(Fault::host, "cannot restore {}: {}", to.string(), code.message());
    return {};
}

// Removes all files in a build directory that are newer than `mark`.
Status remove_newer(const fs::path& build, const fs::path& mark) {
    std::error_code code;
    const auto begun = fs::last_write_time(mark, code);
    if (code) return fail(Fault::host, "cannot see the time of {}: {}", mark.string(), code.message());
    std::vector<fs::path> newer;
    for (fs::recursive_directory_iterator it(build, code), end; !code && it != end; it.increment(code)) {
        std::error_code ignored;
        if (it->symlink_status(ignored).type() == fs::file_type::regular && it->last_write_time(ignored) >= begun)
            newer.push_back(it->path());
    }
    for (const auto& path : newer)
        if (!code) fs::remove(path, code);
    if (code) return fail(Fault::host, "cannot clean {}: {}", build.string(), code.message());
    return {};
}

// Undoes a mutant in its parent's tree: restores the files that tree/mutant names, and removes all objects made since.
// A build that was killed may have left half-written objects, so all of them go.
Status undo_mutant(const fs::path& tree, const fs::path& pristine) {
    const fs::path mark = tree / "mutant";
    std::error_code code;
    if (!fs::exists(mark, code)) return {};
    MEMRIG_TRY(const std::string files, read_file(mark, 1u << 20));
    for (std::string_view rest = files; !rest.empty();) {
        const std::string file(rest.substr(0, rest.find('\n')));
        rest.remove_prefix(std::min(file.size() + 1, rest.size()));
        MEMRIG_CHECK(link_file(pristine / file, tree / "source" / file));
    }
    MEMRIG_CHECK(remove_newer(tree / "build", mark));
    fs::remove(mark, code);
    if (code) return fail(Fault::host, "cannot remove {}: {}", mark.string(), code.message());
    return {};
}

}  // namespace

struct KernelBuilder::Plan {
    std::string id, parent_id;
    KbuildArch arch;
    Toolchain toolchain = Toolchain::gnu;
    fs::path package;   // the source package, unpacked by tools/fetch-deb
    fs::path pristine;  // its source
    std::vector<ConfigText> configs;
    fs::path tree, parent_entry, entry;

    [[nodiscard]] KernelTree kernel_tree(const fs::path& cache) const {
        return {arch, tree / "source", tree / "build", ccache_environment(cache, tree), toolchain};
    }
};

KernelBuilder::KernelBuilder(BuildTools& tools, fs::path cache)
    : tools_(tools), kernels_(std::move(cache) / "kernels") {}

Result<KernelBuilder::Plan> KernelBuilder::plan(const KernelRecipe& recipe, const fs::path& package) {
    Plan plan;
    plan.id = recipe.id;
    plan.parent_id = recipe.id.substr(0, recipe.id.find('+'));
    MEMRIG_TRY(plan.arch, kbuild_arch(recipe.arch));
    plan.toolchain = recipe.toolchain;
    MEMRIG_TRY(plan.configs, read_configs(recipe.configs));
    MEMRIG_TRY(const std::string compiler, tools_.compiler_version(plan.arch.compiler(plan.toolchain)));
    plan.package = package;
    const std::string version = package.filename().string();
    plan.pristine = kernels_ / "sources" / version;
    Hasher hasher;
    hasher.add(std::to_string(kBuildFormat)).add(version).add(plan.arch.machine).add(compiler);
    for (const auto& config : plan.configs) hasher.add(config.text);
    const std::string key = hasher.finish().substr(0, 32);
    plan.tree = kernels_ / "trees" / key;
    plan.parent_entry = plan.entry = kernels_ / "built" / key;
    if (recipe.mutant) {
        Hasher mutant;
        mutant.add(key).add(recipe.mutant->text);
        plan.entry = kernels_ / "built" / mutant.finish().substr(0, 32);
    }
    return plan;
}

Result<std::optional<fs::path>> KernelBuilder::known_package(const KernelRecipe& recipe) {
    const auto package = read_file(kernels_ / ("source-" + recipe.package), 4096);
    std::error_code code;
    if (!package || !fs::is_directory(*package, code)) return std::nullopt;
    return fs::path(*package);
}

// Keeps a package that is in the cache: a newer one from the archive would make another kernel under the same id.
Result<fs::path> KernelBuilder::package_of(const KernelRecipe& recipe) {
    MEMRIG_TRY(const auto known, known_package(recipe));
    if (known) return *known;
    MEMRIG_CHECK(make_directories(kernels_));
    MEMRIG_TRY(const fs::path package, tools_.fetch_source(recipe.package, recipe.suite));
    MEMRIG_CHECK(write_file(kernels_ / ("source-" + recipe.package), package.string()));
    return package;
}

Result<std::optional<KernelImage>> KernelBuilder::built(const KernelRecipe& recipe) {
    MEMRIG_TRY(const auto package, known_package(recipe));
    if (!package) return std::nullopt;
    const auto plan = this->plan(recipe, *package);
    if (!plan) return std::nullopt;
    return published_kernel(plan->entry, plan->arch, recipe.id);
}

Result<KernelImage> KernelBuilder::build(const KernelRecipe& recipe) {
    MEMRIG_CHECK(make_directories(kernels_));
    MEMRIG_TRY(const fs::path package, package_of(recipe));
    MEMRIG_TRY(const Plan plan, this->plan(recipe, package));
    MEMRIG_TRY(const FileLock lock, lock_tree(plan.tree));
    if (auto kernel = published_kernel(plan.entry, plan.arch, recipe.id)) return *std::move(kernel);
    MEMRIG_CHECK(unpack(plan));
    std::error_code code;
    if (!fs::exists(plan.tree / "whole", code)) MEMRIG_CHECK(build_parent(plan));
    if (recipe.mutant) MEMRIG_CHECK(build_mutant(plan, *recipe.mutant));
    auto kernel = published_kernel(plan.entry, plan.arch, recipe.id);
    if (!kernel)
        return fail_with(
            {Fault::host, fmt::format("the kernel built for {} is not in {}", recipe.id, plan.entry.string()), {}},
            fmt::format("remove {} and build it again", plan.tree.string()));
    return *std::move(kernel);
}

Status KernelBuilder::unpack(const Plan& plan) {
    MEMRIG_CHECK(make_directories(plan.pristine.parent_path()));
    MEMRIG_TRY(const FileLock lock, lock_tree(plan.pristine));
    std::error_code code;
    if (fs::is_directory(plan.pristine, code)) return {};
    const fs::path directory = plan.package / "root/usr/src";
    std::vector<fs::path> tarballs;
    for (fs::directory_iterator it(directory, code), end; !code && it != end; it.increment(code))
        if (it->path().filename().string().find(".tar.") != std::string::npos) tarballs.push_back(it->path());
    if (tarballs.size() != 1)
        return fail(Fault::host, "{} holds {} archives of a kernel's source, not one", directory.string(),
                    tarballs.size());
    MEMRIG_CHECK(need_room(kernels_, kSourceRoom));
    MEMRIG_TRY(TemporaryDirectory fresh, TemporaryDirectory::make(".fresh", plan.pristine.parent_path()));
    fmt::print(stderr, "memrig: unpacking {}\n", tarballs.front().filename().string());
    MEMRIG_TRY(BuildLog log, BuildLog::make(fresh.path() / ".unpack.log"));
    const BuildStep step{{"tar", "-xf", tarballs.front().string(), "-C", fresh.path().string(), "--strip-components=1"},
                         {}};
    MEMRIG_CHECK(check_step(tools_.run(step, [&](std::string_view line) { log.line(line); }),
                            "unpacking " + tarballs.front().string(), log, kernels_));
    fs::remove(fresh.path() / ".unpack.log", code);
    MEMRIG_CHECK(check_source(fresh.path()));
    fs::rename(fresh.path(), plan.pristine, code);
    if (code) return fail(Fault::host, "cannot rename to {}: {}", plan.pristine.string(), code.message());
    fresh.release();
    return {};
}

Status KernelBuilder::build_parent(const Plan& plan) {
    MEMRIG_CHECK(need_room(kernels_, kKernelTreeRoom));
    MEMRIG_CHECK(remove_tree(plan.tree));
    Unfinished unfinished(plan.tree);
    MEMRIG_CHECK(make_directories(plan.tree));
    const KernelTree tree = plan.kernel_tree(kernels_.parent_path());
    MEMRIG_TRY(BuildLog log, BuildLog::make(plan.tree / "build.log"));
    const auto sink = [&](std::string_view line) { log.line(line); };
    const BuildStep links{{"cp", "-al", plan.pristine.string(), tree.source.string()}, {}};
    MEMRIG_CHECK(check_step(tools_.run(links, sink), "making a work copy of the source", log, kernels_));
    MEMRIG_CHECK(configure(tools_, tree, plan.configs, log));
    MEMRIG_CHECK(make_image(tools_, tree, "building " + plan.parent_id, kParentSteps, log));
    MEMRIG_CHECK(publish(tree, plan.tree / "build.log", plan.parent_entry, {}));
    MEMRIG_CHECK(write_file(plan.tree / "whole", plan.parent_id + "\n"));
    unfinished.keep();
    return {};
}

// Patches the files in `scratch` and returns the diff.
Result<std::string> KernelBuilder::patch(const Plan& plan, const SourceMutant& mutant, const fs::path& scratch) {
    MEMRIG_TRY(BuildLog log, BuildLog::make(scratch / "log"));
    std::string diff;
    std::string untouched;
    for (const auto& file : mutant.files) {
        const fs::path original = plan.pristine / file;
        std::error_code code;
        if (!fs::is_regular_file(original, code))
            return fail(Fault::user_input, "{}: this kernel has no file {}", shown(mutant.path), file);
        const fs::path patched = scratch / "patched" / file;
        MEMRIG_CHECK(make_directories(patched.parent_path()));
        fs::copy_file(original, patched, code);
        if (code) return fail(Fault::host, "cannot copy {}: {}", original.string(), code.message());
        const BuildStep step{{"spatch", "--very-quiet", "--no-show-diff", "--no-includes", "--in-place", "--sp-file",
                              mutant.path.string(), patched.string()},
                             {"TMPDIR=" + scratch.string()}};
        MEMRIG_CHECK(check_step(tools_.run(step, [&](std::string_view line) { log.line(line); }),
                                fmt::format("applying {} to {}", shown(mutant.path), file), log, kernels_));
        const BuildStep compare{
            {"diff", "-u", "--label", "a/" + file, "--label", "b/" + file, original.string(), patched.string()}, {}};
        MEMRIG_TRY(const ExitStatus status,
                   tools_.run(compare, [&](std::string_view line) { diff += std::string(line) + "\n"; }));
        if (status.code > 1 || status.end == ProcessEnd::killed)
            return fail(Fault::host, "comparing {} failed with {}", file, status.text());
        if (status.code == 0) untouched += (untouched.empty() ? "" : ", ") + file;
    }
    if (!untouched.empty())
        return fail(Fault::user_input, "{}: no rule of it ({}) matches in {}", shown(mutant.path),
                    fmt::format("{}", fmt::join(rule_names(mutant.text), ", ")), untouched);
    const LineCount count = count_changes(diff);
    if (count != mutant.changes)
        return fail(Fault::user_input,
                    "{}: a rule of it ({}) matches elsewhere, or not everywhere: {} changed by -{} +{}, not -{} +{}",
                    shown(mutant.path), fmt::format("{}", fmt::join(rule_names(mutant.text), ", ")),
                    fmt::format("{}", fmt::join(mutant.files, ", ")), count.removed, count.added,
                    mutant.changes.removed, mutant.changes.added);
    return diff;
}

Status KernelBuilder::build_mutant(const Plan& plan, const SourceMutant& mutant) {
    MEMRIG_CHECK(need_room(kernels_, kMutantRoom));
    MEMRIG_CHECK(undo_mutant(plan.tree, plan.pristine));  // left by a build that was killed
    MEMRIG_TRY(const TemporaryDirectory scratch, TemporaryDirectory::make(".mutant", plan.tree));
    MEMRIG_TRY(const std::string diff, patch(plan, mutant, scratch.path()));
    std::string files;
    for (const auto& file : mutant.files) files += file + "\n";
    MEMRIG_CHECK(write_file(plan.tree / "mutant", files));
    const auto build = [&]() -> Status {
        std::error_code code;
        for (const auto& file : mutant.files) {
            fs::rename(scratch.path() / "patched" / file, plan.tree / "source" / file, code);
            if (code) return fail(Fault::host, "cannot put {} in its place: {}", file, code.message());
        }
        const KernelTree tree = plan.kernel_tree(kernels_.parent_path());
        const fs::path log_path = scratch.path() / "build.log";
        MEMRIG_TRY(BuildLog log, BuildLog::make(log_path));
        MEMRIG_CHECK(make_image(tools_, tree, "building " + plan.id, 0, log));
        return publish(tree, log_path, plan.entry, {{"mutant.diff", diff}});
    };
    const Status built = build();
    const Status undone = undo_mutant(plan.tree, plan.pristine);
    if (!built) return built;
    return undone;
}

}  // namespace memrig
