#include "kernel/modules.h"

#include <algorithm>
#include <set>

#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/process.h"
#include "kernel/decompress.h"

namespace memrig {

namespace {

constexpr std::size_t kMaxModule = 64u << 20;

// Finds a program of kmod, which may be in sbin: not every user's PATH has that.
Result<std::string> kmod_program(const std::string& name) {
    for (const std::string& candidate : {name, "/usr/sbin/" + name, "/sbin/" + name})
        if (const auto path = find_program(candidate)) return path->string();
    return fail_with({Fault::host, fmt::format("the program {} is not installed", name), {}},
                     "install the package kmod");
}

// Links that `make modules_install` leaves next to the modules. depmod does not follow them either.
bool leads_to_source(const fs::path& path) { return path.filename() == "build" || path.filename() == "source"; }

// A hash of everything that kmod's index depends on.
Result<std::string> index_key(const fs::path& directory, const std::string& release) {
    std::vector<std::string> entries;
    std::error_code code;
    const auto follow = fs::directory_options::follow_directory_symlink;
    for (fs::recursive_directory_iterator it(directory, follow, code), end; !code && it != end; it.increment(code)) {
        if (leads_to_source(it->path())) it.disable_recursion_pending();
        struct stat st{};
        if (::stat(it->path().c_str(), &st) != 0 || !S_ISREG(st.st_mode)) continue;
        entries.push_back(fmt::format("{} {} {}.{}", it->path().lexically_relative(directory).string(), st.st_size,
                                      st.st_mtim.tv_sec, st.st_mtim.tv_nsec));
    }
    if (code) return fail(Fault::host, "cannot list {}: {}", directory.string(), code.message());
    std::ranges::sort(entries);
    Hasher hasher;
    hasher.add("kmod index 1").add(directory.string()).add(release);
    for (const std::string& entry : entries) hasher.add(entry);
    return hasher.finish();
}

// Makes a tree that kmod takes for a root. Its modules are links to the package's.
Status link_tree(const fs::path& tree, const fs::path& directory, const std::string& release) {
    const fs::path modules = tree / "lib/modules" / release;
    MEMRIG_CHECK(make_directories(modules));
    MEMRIG_CHECK(make_directories(tree / "usr"));
    MEMRIG_CHECK(make_directories(tree / "no-configuration"));
    std::error_code code;
    fs::create_symlink("../lib", tree / "usr/lib", code);
    for (fs::directory_iterator it(directory, code), end; !code && it != end; it.increment(code)) {
        const fs::path name = it->path().filename();
        if (leads_to_source(name)) continue;
        // Leaves out an index that exists already.
        const bool is_list = name == "modules.order" || name == "modules.builtin" || name == "modules.builtin.modinfo";
        std::error_code dangling;
        if (is_list || it->is_directory(dangling)) fs::create_symlink(it->path(), modules / name, code);
    }
    if (code) return fail(Fault::host, "cannot prepare {}: {}", tree.string(), code.message());
    return {};
}

// The root with kmod's index of the modules in `directory`. Creates it on first use.
Result<fs::path> indexed_root(const fs::path& directory, const std::string& release, const fs::path& cache,
                              Deadline deadline) {
    MEMRIG_TRY(const std::string key, index_key(directory, release));
    const fs::path parent = cache / "modules";
    MEMRIG_CHECK(make_directories(parent));
    MEMRIG_TRY(const FileLock lock, FileLock::take(parent / ".lock"));
    const fs::path root = parent / key;
    if (fs::exists(root)) return root;
    MEMRIG_TRY(TemporaryDirectory work, TemporaryDirectory::make(".index", parent));
    MEMRIG_CHECK(link_tree(work.path(), directory, release));
    MEMRIG_TRY(const std::string depmod, kmod_program("depmod"));
    MEMRIG_TRY(const RunResult run, run_program({depmod, "-b", work.path().string(), release}, deadline, true));
    if (!run.status.success())
        return fail(Fault::host, "depmod for {} failed with {}: {}", release, run.status.text(),
                    run.output.substr(0, 300));
    std::error_code code;
    fs::permissions(work.path(), fs::perms(0755), code);  // other users may share the cache read-only
    fs::rename(work.path(), root, code);
    if (code) return fail(Fault::host, "cannot rename to {}: {}", root.string(), code.message());
    work.release();
    return root;
}

bool is_module_name(const std::string& name) {
    return !name.empty() && name.front() != '-' &&
           std::ranges::all_of(name, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; });
}

// The path in a line of modprobe, "insmod PATH [OPTIONS]". Nothing for "builtin NAME", a module without a file.
std::optional<fs::path> insmod_path(std::string_view line) {
    constexpr std::string_view kInsmod = "insmod ";
    if (!line.starts_with(kInsmod)) return std::nullopt;
    line.remove_prefix(kInsmod.size());
    const std::size_t dot = line.rfind(".ko");
    if (dot == std::string_view::npos) return std::nullopt;
    return fs::path(line.substr(0, line.find(' ', dot)));
}

std::string module_name(const fs::path& path) {
    std::string name = path.filename().string();
    name.resize(name.find(".ko"));
    std::ranges::replace(name, '-', '_');
    return name;
}

}  // namespace

Result<std::vector<ModuleFile>> modules_in_order(const fs::path& folder, const std::string& release,
                                                 const std::vector<std::string>& wanted, const fs::path& cache,
                                                 Deadline deadline) {
    std::vector<ModuleFile> files;
    if (wanted.empty()) return files;
    std::error_code code;
    const fs::path directory = fs::canonical(folder, code);
    if (code) return fail(Fault::guest, "there are no modules for {} in {}", release, folder.string());
    MEMRIG_TRY(const fs::path root, indexed_root(directory, release, cache, deadline));
    MEMRIG_TRY(const std::string modprobe, kmod_program("modprobe"));
    std::set<std::string> known;
    for (const std::string& name : wanted) {
        if (!is_module_name(name)) return fail(Fault::user_input, "'{}' is not the name of a module", name);
        // The empty configuration keeps the host's options and blacklists out.
        MEMRIG_TRY(const RunResult run, run_program({modprobe, "-d", root.string(), "-S", release, "-C",
                                                     (root / "no-configuration").string(), "--show-depends", name},
                                                    deadline, true));
        if (!run.status.success())
            return fail(Fault::guest, "the kernel {} has no module {}, neither built in nor as a file", release, name);
        std::string_view rest = run.output;
        while (!rest.empty()) {
            const std::size_t end = std::min(rest.find('\n'), rest.size());
            const auto path = insmod_path(rest.substr(0, end));
            rest.remove_prefix(std::min(end + 1, rest.size()));
            if (path && known.insert(module_name(*path)).second) files.push_back({module_name(*path), *path});
        }
    }
    return files;
}

Result<std::string> read_module(const ModuleFile& module) {
    MEMRIG_TRY(const std::string bytes, read_file(module.path, kMaxModule));
    MEMRIG_TRY(std::string image, decompressed(bytes, kMaxModule, "the module " + module.path.string()));
    if (!image.starts_with("\x7F"
                           "ELF"))
        return fail(Fault::host, "{} is not a module", module.path.string());
    return image;
}

}  // namespace memrig
