#include "kernel/tree.h"

#include <array>
#include <thread>

namespace memrig {

namespace {

constexpr std::array kArches = {
    KbuildArch{"x86_64", "x86", "", "bzImage", "arch/x86/boot/bzImage"},
    KbuildArch{"aarch64", "arm64", "aarch64-linux-gnu-", "Image", "arch/arm64/boot/Image"},
    KbuildArch{"ppc64le", "powerpc", "powerpc64le-linux-gnu-", "vmlinux", "vmlinux"},
};
constexpr const char* kLlvmSuffix = "-19";      // of Debian 12's newest LLVM: clang-19, ld.lld-19
constexpr std::uint64_t kFullDisk = 32u << 20;  // if fewer bytes are free after a failure, the full disk is its cause

// A call of make for a tree. Overrides the variables of the caller's environment that kbuild would use.
BuildStep make_step(const KernelTree& tree, std::vector<std::string> arguments) {
    BuildStep step;
    step.argv = {"make", "-C", tree.source.string(), "O=" + tree.build.string(), std::string("ARCH=") + tree.arch.arch};
    // With ccache, building the same kernel in another place, or a similar kernel, takes about a minute.
    const bool ccache = find_program("ccache").has_value();
    const bool llvm = tree.toolchain == Toolchain::llvm;
    const std::string compiler = fmt::format("{}{}", ccache ? "ccache " : "", tree.arch.compiler(tree.toolchain));
    for (const std::string& variable :
         {"CC=" + compiler, std::string("HOSTCC=") + (ccache ? "ccache gcc" : "gcc"), std::string("LOCALVERSION="),
          std::string("KCFLAGS="), std::string("KAFLAGS="), std::string("LLVM=") + (llvm ? kLlvmSuffix : ""),
          std::string("CROSS_COMPILE=") + tree.arch.cross})
        step.argv.push_back(variable);
    for (auto& argument : arguments) step.argv.push_back(std::move(argument));
    step.environment = tree.environment;
    // Makes the build reproducible: the same inputs give the same image at any time, on any host.
    for (const char* fixed :
         {"KBUILD_BUILD_TIMESTAMP=@0", "KBUILD_BUILD_USER=memrig", "KBUILD_BUILD_HOST=memrig", "KBUILD_BUILD_VERSION=1",
          "LC_ALL=C", "MAKEFLAGS=", "MAKELEVEL=", "KCONFIG_CONFIG=.config", "KBUILD_OUTPUT="})
        step.environment.emplace_back(fixed);
    return step;
}

}  // namespace

std::string KbuildArch::compiler(Toolchain toolchain) const {
    return toolchain == Toolchain::llvm ? std::string("clang") + kLlvmSuffix : std::string(cross) + "gcc";
}

std::span<const KbuildArch> kbuild_arches() { return kArches; }

Result<KbuildArch> kbuild_arch(const std::string& machine) {
    for (const auto& arch : kArches)
        if (machine == arch.machine) return arch;
    return fail(Fault::user_input, "kernels for {} cannot be built yet", machine);
}

Status check_source(const fs::path& source) {
    std::error_code code;
    if (!fs::is_directory(source, code)) return fail(Fault::user_input, "{} is not a directory", source.string());
    for (const char* file : {"Makefile", "Kbuild", "Kconfig", "scripts/Kconfig.include", "mm/memory_hotplug.c"})
        if (!fs::is_regular_file(source / file, code))
            return fail(Fault::user_input, "{} is not the source of a kernel: it has no {}", source.string(), file);
    // The kernel's own Makefile refuses such a tree for O= too, but with a less clear message.
    for (const char* file : {".config", "include/config", "arch/x86/include/generated",
                             "arch/powerpc/include/generated", "arch/arm64/include/generated"})
        if (fs::exists(source / file, code))
            return fail_with(
                {Fault::user_input,
                 fmt::format("{} contains an in-tree build ({} exists), so make O= cannot build it elsewhere",
                             source.string(), file),
                 {}},
                "save your .config elsewhere, then run make mrproper there");
    return {};
}

Status check_step(const Result<ExitStatus>& status, const std::string& what, const BuildLog& log,
                  const fs::path& place) {
    if (!status) return std::unexpected(status.error());
    if (status->success()) return {};
    const auto room = free_space(place);
    if (log.disk_full() || (room && *room < kFullDisk))
        return fail_with({Fault::host, fmt::format("{}: the disk that holds {} is full", what, place.string()), {}},
                         "make room, or set MEMRIG_CACHE to a directory elsewhere");
    return fail(Fault::user_input, "{} failed with {}; its output:\n{}", what, status->text(), log.why());
}

Status configure(BuildTools& tools, const KernelTree& tree, const std::vector<ConfigText>& configs, BuildLog& log) {
    std::vector<ConfigOption> asked;
    std::string merged;
    bool whole = false;
    for (const auto& config : configs) {
        MEMRIG_TRY(const auto options, parse_config(config.text, config.name));
        asked.insert(asked.end(), options.begin(), options.end());
        merged += config.text + "\n";
        whole = whole || is_whole_config(config.text);
    }
    if (whole && configs.size() > 1)
        return fail(Fault::user_input, "a complete .config cannot be combined with other configurations");
    MEMRIG_CHECK(make_directories(tree.build));
    MEMRIG_CHECK(write_file(tree.build / (whole ? ".config" : "fragments"), merged));
    BuildStep step = make_step(tree, {whole ? "olddefconfig" : "allnoconfig"});
    step.environment.push_back("KCONFIG_ALLCONFIG=" + (whole ? std::string() : (tree.build / "fragments").string()));
    const auto status = tools.run(step, [&](std::string_view line) { log.line(line); });
    MEMRIG_CHECK(check_step(status, "configuring the kernel", log, tree.build));
    if (whole) return {};
    MEMRIG_TRY(const std::string config, read_file(tree.build / ".config", 16u << 20));
    return check_config(asked, config, tree.source);
}

namespace {

Result<bool> has_modules(const KernelTree& tree) {
    MEMRIG_TRY(const std::string config, read_file(tree.build / ".config", 16u << 20));
    return config.find("=m\n") != std::string::npos;
}

// The folder that modules_install makes lib/modules/RELEASE in.
fs::path module_root(const KernelTree& tree) { return tree.build / "installed"; }

// Without depmod: memrig makes an index of its own, of the modules that a bench wants.
Status install_modules(BuildTools& tools, const KernelTree& tree, BuildLog& log) {
    std::error_code code;
    fs::remove_all(module_root(tree), code);
    const BuildStep step = make_step(tree, {"INSTALL_MOD_PATH=" + module_root(tree).string(), "INSTALL_MOD_STRIP=1",
                                            "DEPMOD=true", "modules_install"});
    return check_step(tools.run(step, [&](std::string_view line) { log.line(line); }), "installing the modules", log,
                      tree.build);
}

// Copies lib/modules/RELEASE, without the links to the source and the build directory.
Status copy_modules(const fs::path& root, const fs::path& entry) {
    std::error_code code;
    if (!fs::exists(root / "lib/modules", code)) return {};
    fs::create_directories(entry / "lib", code);
    fs::copy(root / "lib/modules", entry / "lib/modules", fs::copy_options::recursive | fs::copy_options::skip_symlinks,
             code);
    if (code) return fail(Fault::host, "cannot copy the modules to the cache: {}", code.message());
    return {};
}

}  // namespace

Status make_image(BuildTools& tools, const KernelTree& tree, const std::string& what, unsigned steps, BuildLog& log) {
    std::vector<std::string> targets = {fmt::format("-j{}", std::max(1u, std::thread::hardware_concurrency()))};
    MEMRIG_TRY(const bool modules, has_modules(tree));
    if (modules) targets.emplace_back("modules");
    targets.emplace_back(tree.arch.target);
    const BuildStep step = make_step(tree, std::move(targets));
    BuildProgress progress(stderr, what, steps);
    const auto status = tools.run(step, [&](std::string_view line) {
        log.line(line);
        progress.line(line);
    });
    MEMRIG_CHECK(check_step(status, what, log, tree.build));
    std::error_code code;
    if (!fs::exists(tree.build / tree.arch.image, code))
        return fail(Fault::user_input, "{} left no {}; its output:\n{}", what, tree.arch.image, log.why());
    if (modules) MEMRIG_CHECK(install_modules(tools, tree, log));
    return log.finish();
}

Status publish(const KernelTree& tree, const fs::path& log, const fs::path& entry,
               const std::vector<std::pair<std::string, std::string>>& extra) {
    MEMRIG_CHECK(make_directories(entry.parent_path()));
    MEMRIG_TRY(TemporaryDirectory fresh, TemporaryDirectory::make(".fresh", entry.parent_path()));
    const std::array<std::pair<fs::path, std::string>, 5> files = {{
        {tree.build / tree.arch.image, fs::path(tree.arch.image).filename().string()},
        {tree.build / "System.map", "System.map"},
        {tree.build / ".config", "config"},
        {tree.build / "include/config/kernel.release", "release"},
        {log, "build.log"},
    }};
    std::error_code code;
    for (const auto& [from, name] : files) {
        fs::copy_file(from, fresh.path() / name, code);
        if (code) return fail(Fault::host, "cannot copy {} to the cache: {}", from.string(), code.message());
    }
    MEMRIG_CHECK(copy_modules(module_root(tree), fresh.path()));
    for (const auto& [name, text] : extra) MEMRIG_CHECK(write_file(fresh.path() / name, text));
    fs::permissions(fresh.path(), fs::perms(0755), code);
    fs::remove_all(entry, code);
    fs::rename(fresh.path(), entry, code);
    if (code) return fail(Fault::host, "cannot rename to {}: {}", entry.string(), code.message());
    fresh.release();
    return {};
}

std::optional<KernelImage> published_kernel(const fs::path& entry, const KbuildArch& arch, const std::string& id) {
    auto kernel = kernel_from_file(entry / fs::path(arch.image).filename());
    const auto release = read_file(entry / "release", 4096);
    if (!kernel || !release || kernel->arch != arch.machine) return std::nullopt;
    kernel->id = id;
    kernel->release = release->substr(0, release->find('\n'));
    std::error_code code;
    if (const fs::path modules = entry / "lib/modules" / kernel->release; fs::is_directory(modules, code))
        kernel->modules = modules;
    return *std::move(kernel);
}

}  // namespace memrig
