#include "machine/emulator.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>

#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/process.h"
#include "base/shell.h"
#include "base/toml_reader.h"
#include "kernel/debian_package.h"

namespace memrig {

namespace {

constexpr auto kVersionPatience = std::chrono::seconds(60);
constexpr auto kTryPatience = std::chrono::seconds(60);

fs::path catalogue_path() { return home_directory() / "rig" / "emulators.toml"; }

// The file that holds the path of the package directory that was fetched last.
Result<fs::path> pointer_file(const EmulatorEntry& entry, const std::string& program) {
    MEMRIG_TRY(const fs::path cache, cache_directory());
    MEMRIG_CHECK(make_directories(cache / "emulators"));
    return cache / "emulators" / (entry.id + "." + program);
}

Result<std::string> package_of(const EmulatorEntry& entry, const std::string& program) {
    const auto package = entry.packages.find(program);
    if (package == entry.packages.end()) return fail(Fault::user_input, "the emulator {} has no {}", entry.id, program);
    return package->second;
}

// The value of LD_LIBRARY_PATH. Debian's libraries are in directories named after the architecture.
std::string library_path(const fs::path& root) {
    std::string path;
    for (const char* parent : {"usr/lib", "lib"}) {
        std::error_code code;
        for (const auto& entry : fs::directory_iterator(root / parent, code))
            if (entry.path().filename().string().find("-linux-gnu") != std::string::npos)
                path += entry.path().string() + ":";
    }
    const char* ours = std::getenv("LD_LIBRARY_PATH");
    if (ours != nullptr && *ours != '\0') return path + ours;
    if (!path.empty()) path.pop_back();
    return path;
}

Result<Emulator> emulator_in(const EmulatorEntry& entry, const std::string& program, const fs::path& package) {
    const fs::path root = package / "root";
    Emulator emulator;
    emulator.program = (root / "usr" / "bin" / program).string();
    emulator.id = entry.id;
    emulator.identity = package.filename().string();
    if (::access(emulator.program.c_str(), X_OK) != 0)
        return fail(Fault::host, "{} holds no {}", root.string(), program);
    // Debian's QEMU looks first where it would be installed, and then where these options say.
    for (const char* firmware : {"usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu"})
        if (fs::is_directory(root / firmware))
            emulator.arguments.insert(emulator.arguments.end(), {"-L", (root / firmware).string()});
    if (const std::string path = library_path(root); !path.empty()) emulator.environment = {"LD_LIBRARY_PATH=" + path};
    return emulator;
}

Result<Emulator> own_emulator(const std::string& path) {
    if (!fs::is_regular_file(path) || ::access(path.c_str(), X_OK) != 0)
        return fail(Fault::user_input, "{} is not a program", path);
    Emulator emulator;
    emulator.program = fs::absolute(path).string();
    emulator.id = path;
    MEMRIG_TRY(emulator.identity, hash_file(path));
    return emulator;
}

}  // namespace

Result<std::vector<EmulatorEntry>> parse_emulators(std::string_view text, const std::string& shown_name) {
    TomlDocument document = TomlDocument::parse(text, shown_name);
    MEMRIG_CHECK(document.status());
    TomlTable root = document.root();
    root.integer("schema", 1, 1);
    std::vector<EmulatorEntry> entries;
    for (auto& table : root.tables("emulator", true)) {
        EmulatorEntry entry;
        entry.id = table.string("id");
        entry.description = table.string("description");
        entry.suite = table.string("suite");
        if (entry.id.find('/') != std::string::npos) table.report("id", "an id with a '/' would be taken for a path");
        if (std::ranges::find(entries, entry.id, &EmulatorEntry::id) != entries.end())
            table.report("id", fmt::format("there is a \"{}\" already", entry.id));
        for (const auto& line : table.strings("packages", true)) {
            const std::size_t at = line.find('=');
            if (at == 0 || at == std::string::npos || at + 1 == line.size())
                table.report("packages", fmt::format("\"{}\" is not PROGRAM=PACKAGE", line));
            else entry.packages[line.substr(0, at)] = line.substr(at + 1);
        }
        table.finish();
        entries.push_back(std::move(entry));
    }
    root.finish();
    MEMRIG_CHECK(document.status());
    return entries;
}

Result<std::vector<EmulatorEntry>> emulator_catalogue() {
    MEMRIG_TRY(const std::string text, read_file(catalogue_path(), 1 << 20));
    return parse_emulators(text, shown(catalogue_path()));
}

Result<EmulatorEntry> find_emulator(const std::string& id) {
    MEMRIG_TRY(const auto entries, emulator_catalogue());
    const auto entry = std::ranges::find(entries, id, &EmulatorEntry::id);
    if (entry != entries.end()) return *entry;
    return fail_with({Fault::user_input, fmt::format("there is no emulator \"{}\"", id), {}},
                     fs::exists(id) ? fmt::format("for the program in this folder write ./{}", id)
                                    : "memrig emulators list shows what there is");
}

Result<std::optional<Emulator>> cached_emulator(const EmulatorEntry& entry, const std::string& program) {
    MEMRIG_TRY(const fs::path pointer, pointer_file(entry, program));
    const auto package = read_file(pointer, 4096);
    if (!package) return std::nullopt;
    const auto emulator = emulator_in(entry, program, *package);
    return emulator ? std::optional(*emulator) : std::nullopt;
}

Result<Emulator> fetch_emulator(const EmulatorEntry& entry, const std::string& program) {
    MEMRIG_TRY(const std::string name, package_of(entry, program));
    MEMRIG_TRY(const fs::path package, fetch_debian_package({name, entry.suite, {}, true}, "the emulator " + entry.id));
    MEMRIG_TRY(Emulator emulator, emulator_in(entry, program, package));
    MEMRIG_CHECK(emulator_version(emulator));
    MEMRIG_TRY(const fs::path pointer, pointer_file(entry, program));
    MEMRIG_CHECK(write_file(pointer, package.string()));
    return emulator;
}

Result<Emulator> resolve_emulator(const std::string& id_or_path, const std::string& program) {
    if (id_or_path.empty()) return Emulator{program, {}, {}, {}, {}};
    if (id_or_path.find('/') != std::string::npos) return own_emulator(id_or_path);
    MEMRIG_TRY(const EmulatorEntry entry, find_emulator(id_or_path));
    MEMRIG_CHECK(package_of(entry, program));
    MEMRIG_TRY(auto cached, cached_emulator(entry, program));
    if (cached) return *std::move(cached);
    return fetch_emulator(entry, program);
}

Status try_emulator(const Emulator& emulator, const std::vector<std::string>& arguments) {
    std::string command = "printf '{\"execute\":\"qmp_capabilities\"}{\"execute\":\"quit\"}' | env";
    for (const auto& one : emulator.environment) command += " " + shell_word(one);
    command += " " + shell_word(emulator.program) + " -M none -nodefaults -display none -qmp stdio";
    for (const auto& one : arguments) command += " " + shell_word(one);
    command += " 2>&1 >/dev/null";
    MEMRIG_TRY(const RunResult run, run_program({"sh", "-c", command}, Deadline::after(kTryPatience)));
    if (run.status.success()) return {};
    return fail(
        Fault::host, "{}",
        run.output.empty() ? "it ended with " + run.status.text() : run.output.substr(0, run.output.find('\n')));
}

Result<std::vector<std::string>> sandbox_of(const Emulator& emulator, bool spawns) {
    const std::string rights = "on,obsolete=deny,elevateprivileges=deny,resourcecontrol=deny";
    static std::mutex mutex;
    static std::map<std::pair<std::string, std::string>, bool> known;
    const std::lock_guard guard(mutex);
    const std::pair key(emulator.program, emulator.identity);
    if (!known.contains(key)) {
        const Status taken = try_emulator(emulator, {"-sandbox", rights + ",spawn=deny"});
        if (!taken && taken.error().fault != Fault::host) return std::unexpected(taken.error());
        if (!taken)
            logger(LogLayer::machine).warn("{} runs without a sandbox: {}", emulator.program, taken.error().message);
        known.emplace(key, taken.has_value());
    }
    if (!known.at(key)) return std::vector<std::string>();
    return std::vector<std::string>{"-sandbox", spawns ? rights : rights + ",spawn=deny"};
}

Result<std::string> emulator_version(const Emulator& emulator) {
    std::vector<std::string> argv = {emulator.program, "--version"};
    // run_program() passes on our own environment only, so `env` adds the emulator's.
    if (!emulator.environment.empty()) {
        argv.insert(argv.begin(), emulator.environment.begin(), emulator.environment.end());
        argv.insert(argv.begin(), "env");
    }
    MEMRIG_TRY(const RunResult run, run_program(argv, Deadline::after(kVersionPatience), true));
    std::string line = run.output.substr(0, run.output.find('\n'));
    if (run.status.success()) return line;
    return fail_with({Fault::host, fmt::format("{} ended with {}: {}", emulator.program, run.status.text(), line), {}},
                     emulator.identity.empty() || emulator.id.find('/') != std::string::npos
                         ? "check that it starts by itself"
                         : fmt::format("memrig emulators fetch {} brings what it needs", emulator.id));
}

}  // namespace memrig
