#include "cli/host_checks.h"

#include <chrono>
#include <cstdlib>
#include <sstream>

#include <dlfcn.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/paths.h"
#include "base/process.h"
#include "kernel/catalogue.h"
#include "machine/accelerator.h"
#include "machine/emulator.h"
#include "qmp/python_runtime.h"

namespace memrig {

namespace {

using namespace std::chrono_literals;
constexpr auto kProgramPatience = 20s;
constexpr double kGiB = 1ull << 30;
// In GiB. A run saves a guest (100 MB) for each kernel and bench, and about 100 kB for each trial. A guest has 512 MB.
constexpr double kDiskNeeded = 0.5, kDiskWanted = 4, kMemoryNeeded = 0.5, kMemoryWanted = 2;

HostCheck note(std::string name, std::string detail, std::string remedy = {}) {
    return {std::move(name), Readiness::note, std::move(detail), std::move(remedy)};
}
HostCheck missing(std::string name, const Error& error) {
    return {std::move(name), Readiness::missing, error.message, error.remedy};
}

Result<std::string> first_line_of(const std::vector<std::string>& argv) {
    MEMRIG_TRY(const RunResult run, run_program(argv, Deadline::after(kProgramPatience), true));
    std::string line = run.output.substr(0, run.output.find('\n'));
    if (!run.status.success()) return fail(Fault::host, "{} ended with {}: {}", argv[0], run.status.text(), line);
    return line;
}

HostCheck check_emulator(const std::string& program, const std::string& package, bool needed) {
    const std::string remedy = "apt-get install " + package;
    const auto path = find_program(program);
    if (!path) return {program, needed ? Readiness::missing : Readiness::note, "not found in PATH", remedy};
    const auto version = first_line_of({path->string(), "--version"});
    if (!version) return {program, needed ? Readiness::missing : Readiness::note, version.error().message, remedy};
    return HostCheck::ok(program, *version);
}

HostCheck check_kvm() {
    const auto bench = load_bench("q35");
    if (!bench) return missing("KVM", bench.error());
    const KvmProof proof = known_kvm_proof(*bench);
    if (proof.proven)
        return note("KVM", "proven: " + proof.reason,
                    fmt::format("{}: compare a run with one of --accel tcg", kKvmUnseen));
    const bool denied = ::access("/dev/kvm", F_OK) == 0 && ::access("/dev/kvm", R_OK | W_OK) != 0;
    return note(
        "KVM", fmt::format("not used ({}): {}", kKvmUnseen, proof.reason),
        denied ? "join the group kvm; until then guests run under TCG" : "guests run under TCG, which suffices");
}

HostCheck check_interpreter() {
    const auto version = first_line_of({MEMRIG_PYTHON, "--version"});
    if (!version) return missing("Python", {Fault::host, version.error().message, "tools/setup run"});
    return HostCheck::ok("Python", fmt::format("{}, {}", *version, MEMRIG_PYTHON));
}

// Imports qemu.qmp as memrig itself does. A second interpreter, with the same search path, then tells the place.
HostCheck check_qmp() {
    if (const Status started = start_python(); !started) return missing("qemu.qmp", started.error());
    const auto cache = cache_directory();
    const auto place =
        first_line_of({MEMRIG_PYTHON, "-I", "-c",
                       "import sys; sys.path.append(sys.argv[1]); import qemu.qmp as m; print(m.__path__[0])",
                       cache ? (*cache / "python").string() : ""});
    return HostCheck::ok("qemu.qmp", place ? "imported from " + *place : "imported");
}

HostCheck check_agent() {
    const fs::path agent = agent_binary("x86_64");
    if (::access(agent.c_str(), R_OK) == 0) return HostCheck::ok("guest agent", shown(agent));
    return missing("guest agent", {Fault::host, shown(agent) + " does not exist", "run tools/build"});
}

HostCheck check_libvirt_library() {
    void* library = ::dlopen("libvirt.so.0", RTLD_LAZY | RTLD_LOCAL);
    if (library == nullptr)
        return note("libvirt library", "not found",
                    "apt-get install libvirt0; needed only for machines run by libvirt");
    using GetVersion = int (*)(unsigned long*, const char*, unsigned long*);
    unsigned long version = 0;
    const auto get_version = reinterpret_cast<GetVersion>(::dlsym(library, "virGetVersion"));
    const bool known = get_version != nullptr && get_version(&version, nullptr, nullptr) == 0;
    ::dlclose(library);
    if (!known) return note("libvirt library", "found, but its version is unknown");
    return HostCheck::ok("libvirt library",
                         fmt::format("{}.{}.{}", version / 1000000, version / 1000 % 1000, version % 1000));
}

HostCheck check_libvirt_daemon() {
    for (const char* socket : {"/run/libvirt/virtqemud-sock", "/run/libvirt/libvirt-sock"})
        if (::access(socket, R_OK | W_OK) == 0)
            return HostCheck::ok("libvirt daemon", std::string("listens at ") + socket);
    for (const char* daemon : {"/usr/sbin/virtqemud", "/usr/sbin/libvirtd"})
        if (::access(daemon, X_OK) == 0)
            return note("libvirt daemon", std::string(daemon) + " is installed but not running, or not for this user",
                        "start it, or join the group libvirt; needed only for machines run by libvirt");
    return note("libvirt daemon", "not installed",
                "apt-get install libvirt-daemon-system; needed only for machines run by libvirt");
}

HostCheck check_cache() {
    const auto cache = cache_directory();
    if (!cache) return missing("cache", cache.error());
    const auto free = free_space(*cache);
    if (!free) return missing("cache", free.error());
    const double gib = static_cast<double>(*free) / kGiB;
    const std::string detail = fmt::format("{}, {:.1f} GiB free", cache->string(), gib);
    const std::string remedy = "free some space, or set MEMRIG_CACHE to a directory on another file system";
    if (::access(cache->c_str(), W_OK) != 0)
        return missing("cache", {Fault::host, cache->string() + " is not writable",
                                 "set MEMRIG_CACHE to a directory that you own"});
    if (gib < kDiskNeeded) return missing("cache", {Fault::host, detail, remedy});
    return gib < kDiskWanted ? note("cache", detail, remedy) : HostCheck::ok("cache", detail);
}

HostCheck check_temporary_directory() {
    const auto directory = TemporaryDirectory::make("memrig-doctor-");
    if (!directory)
        return missing("temporary files",
                       {Fault::host, directory.error().message, "set TMPDIR to a directory that you can write to"});
    return HostCheck::ok("temporary files", directory->path().parent_path().string());
}

HostCheck check_memory() {
    const auto text = read_file("/proc/meminfo", 1 << 20);
    if (!text) return note("memory", text.error().message);
    std::istringstream lines(*text);
    double total = 0, available = 0;
    for (std::string line; std::getline(lines, line);) {
        const auto kib = [&](const char* key) {
            return line.starts_with(key) ? std::strtod(line.c_str() + line.find(':') + 1, nullptr) : 0;
        };
        total += kib("MemTotal:");
        available += kib("MemAvailable:");
    }
    const double gib = available * 1024 / kGiB;
    const std::string detail = fmt::format("{:.1f} of {:.1f} GiB available", gib, total * 1024 / kGiB);
    if (gib < kMemoryNeeded)
        return missing("memory", {Fault::host, detail, "free some memory: a guest of the bench q35 has 512 MB"});
    return gib < kMemoryWanted ? note("memory", detail, "keep --jobs low") : HostCheck::ok("memory", detail);
}

HostCheck check_processors() {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) != 0) return note("processors", "cannot determine their number");
    const int n = CPU_COUNT(&set);
    if (n == 1) return note("processors", "1", "trials take longer; two or more are better");
    return HostCheck::ok("processors", fmt::format("{}; --jobs {} keeps them busy", n, n));
}

void check_kernels(std::vector<HostCheck>& checks) {
    const auto catalogue = kernel_catalogue();
    if (!catalogue) {
        checks.push_back(missing("kernels", catalogue.error()));
        return;
    }
    for (const auto& entry : *catalogue) {
        const std::string name = "kernel " + entry.id;
        const auto image = cached_kernel(entry);
        const bool is_built = entry.provider == KernelProvider::built;
        const struct {
            const char* state;
            std::string command;
        } how = {is_built ? "not built" : "not fetched", is_built ? "memrig kernels build " : "memrig kernels fetch "};
        if (image && *image) checks.push_back(HostCheck::ok(name, (*image)->release));
        else checks.push_back(note(name, image ? how.state : image.error().message, how.command + entry.id));
    }
}

void check_emulators(std::vector<HostCheck>& checks) {
    const auto catalogue = emulator_catalogue();
    if (!catalogue) {
        checks.push_back(note("emulators", catalogue.error().message));
        return;
    }
    for (const auto& entry : *catalogue)
        for (const auto& [program, package] : entry.packages) {
            const std::string name = "emulator " + entry.id;
            const auto emulator = cached_emulator(entry, program);
            const std::string remedy = "memrig emulators fetch " + entry.id;
            if (!emulator || !*emulator) {
                checks.push_back(note(name, emulator ? "not fetched" : emulator.error().message, remedy));
                continue;
            }
            const auto version = emulator_version(**emulator);
            checks.push_back(version ? HostCheck::ok(name, *version) : note(name, version.error().message, remedy));
        }
}

HostCheck check_fetching() {
    for (const char* tool : {"apt-get", "dpkg-deb"})
        if (!find_program(tool))
            return note("fetching kernels",
                        std::string(tool) + " not found, so no kernel of the catalogue can be fetched",
                        "use --kernel with the path of your own kernel");
    return HostCheck::ok("fetching kernels", "apt-get and dpkg-deb are there");
}

HostCheck check_compiler(const std::string& triple, const std::string& package) {
    const std::string program = triple + "-gcc";
    const auto path = find_program(program);
    if (path) return HostCheck::ok(program, path->string());
    return note(program, "not found",
                "apt-get install " + package + "; needed only to build the agent and kernels for that architecture");
}

}  // namespace

const char* to_string(Readiness readiness) {
    switch (readiness) {
        case Readiness::ok: return "ok";
        case Readiness::note: return "note";
        case Readiness::missing: break;
    }
    return "missing";
}

std::vector<HostCheck> check_host(bool libvirt) {
    std::vector<HostCheck> checks = {
        check_emulator("qemu-system-x86_64", "qemu-system-x86", true),
        check_emulator("qemu-system-ppc64", "qemu-system-ppc", false),
        check_emulator("qemu-system-aarch64", "qemu-system-arm", false),
        check_kvm(),
        check_interpreter(),
        check_qmp(),
        check_agent(),
        check_cache(),
        check_temporary_directory(),
        check_memory(),
        check_processors(),
        check_fetching(),
    };
    check_kernels(checks);
    check_emulators(checks);
    if (libvirt) {
        checks.push_back(check_libvirt_library());
        checks.push_back(check_libvirt_daemon());
    }
    checks.push_back(check_compiler("powerpc64le-linux-gnu", "gcc-powerpc64le-linux-gnu"));
    checks.push_back(check_compiler("aarch64-linux-gnu", "gcc-aarch64-linux-gnu"));
    return checks;
}

}  // namespace memrig
