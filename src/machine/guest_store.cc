#include "machine/guest_store.h"

#include <charconv>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/text.h"
#include "kernel/modules.h"
#include "machine/guest_cache.h"
#include "machine/guest_feature.h"
#include "observer/layout.h"

namespace memrig {

namespace {

using namespace std::chrono_literals;
// Enough for a boot under software emulation on a busy host. The wait ends earlier if the kernel or QEMU stops.
constexpr auto kBootPatience = 10min;
constexpr unsigned kMostBoots = 3;
constexpr auto kSetupPatience = 5min;
constexpr auto kSavePatience = 5min;
constexpr auto kModulesPatience = 5min;
constexpr auto kRestorePatience = 3min;
constexpr const char* kState = "state";
constexpr unsigned kSavedFormat = 2;  // to be increased when what is saved changes, or its format

std::string symbols_text(const std::vector<GuestSymbol>& symbols) {
    std::string text;
    for (const auto& symbol : symbols) text += fmt::format("{:x} {} {}\n", symbol.address, symbol.type, symbol.name);
    return text;
}

Result<SymbolTable> parse_symbols(std::string_view text) {
    std::vector<Symbol> symbols;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        Symbol symbol;
        const auto [end, code] = std::from_chars(line.data(), line.data() + line.size(), symbol.address, 16);
        const std::size_t at = static_cast<std::size_t>(end - line.data());
        if (code != std::errc() || at + 3 >= line.size() || line[at] != ' ' || line[at + 2] != ' ')
            return fail(Fault::host, "a saved guest's symbols are damaged");
        symbol.type = line[at + 1];
        symbol.name = line.substr(at + 3);
        symbols.push_back(std::move(symbol));
    }
    return SymbolTable(std::move(symbols));
}

nlohmann::json hello_json(const AgentHello& hello, double boot_seconds, const std::string& unfit,
                          const std::set<std::string>& features) {
    return {{"protocol", hello.protocol},       {"release", hello.release}, {"machine", hello.machine},
            {"block_bytes", hello.block_bytes}, {"cpus", hello.cpus},       {"warnings", hello.warnings},
            {"boot_seconds", boot_seconds},     {"unfit", unfit},           {"features", features}};
}

Status fill_hello(PreparedGuest& guest, const std::string& text) {
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) return fail(Fault::host, "a saved guest's description is damaged");
    guest.hello.protocol = json.value("protocol", 0u);
    guest.hello.release = json.value("release", "");
    guest.hello.machine = json.value("machine", "");
    guest.hello.block_bytes = json.value("block_bytes", std::uint64_t{0});
    guest.hello.cpus = json.value("cpus", 0u);
    guest.hello.warnings = json.value("warnings", std::vector<std::string>());
    guest.boot_seconds = json.value("boot_seconds", 0.0);
    guest.unfit = json.value("unfit", "");
    guest.features = json.value("features", std::set<std::string>());
    return {};
}

// Plugs the bench's early DIMM. Nothing of the guest's own runs yet but its firmware.
Status plug_early_dimm(Machine& machine, const Bench& bench) {
    if (!bench.early_dimm) return {};
    const auto& dimm = *bench.early_dimm;
    const auto ask = [&](const char* command, const nlohmann::json& arguments) -> Status {
        const auto answer = machine.qmp().execute(command, arguments, Deadline::after(kSetupPatience));
        return answer ? Status() : in_context(answer.error().error(), "to plug the early DIMM " + dimm.id);
    };
    MEMRIG_CHECK(ask("object-add", {{"qom-type", "memory-backend-ram"}, {"id", dimm.backend}, {"size", dimm.bytes}}));
    return ask("device_add", {{"driver", "pc-dimm"}, {"id", dimm.id}, {"memdev", dimm.backend}});
}

struct Booted {
    std::unique_ptr<Machine> machine;
    AgentHello hello;
    double seconds = 0;
};

Result<Booted> boot_to_agent(Host& host, const MachineSpec& spec) {
    for (unsigned boot = 1;; boot++) {
        const auto begun = steady_clock().now();
        MEMRIG_TRY(auto machine, host.create(spec, Deadline::after(kBootPatience)));
        MEMRIG_CHECK(machine->start(Deadline::after(kBootPatience)));
        MEMRIG_CHECK(plug_early_dimm(*machine, spec.bench));
        auto spoken = await_agent(*machine, Deadline::after(kBootPatience));
        if (spoken) return Booted{std::move(machine), *std::move(spoken), seconds(steady_clock().now() - begun)};
        // The kernel patches its own code through an int3 (text_poke_bp()). Under TCG, another vCPU may hit that int3
        // after its handler was removed. Seen with QEMU 7.2, once in some hundred boots.
        const bool emulator_fault =
            spec.accelerator == Accelerator::tcg && machine->console().text().find("Oops: int3:") != std::string::npos;
        if (!emulator_fault || boot == kMostBoots) return std::unexpected(spoken.error());
        logger(LogLayer::machine)
            .warn("{}: the kernel hit one of its own int3 while it booted, a fault of QEMU; booting again",
                  spec.kernel.id);
    }
}

// Makes the bench's writes. Returns what the kernel refused, or an empty text.
Result<std::string> set_up(const Bench& bench, GuestLink& agent) {
    for (const auto& [file, text] : bench.writes) {
        const Status made = agent.write_guest_file(file, text, Deadline::after(kSetupPatience));
        if (!made && made.error().fault == Fault::guest) return made.error().message;
        MEMRIG_CHECK(made);
    }
    return std::string();
}

// Reads a file of the guest; nothing if it is not there. There are also files that cannot be read, such as directories
// (EISDIR), files that can only be written (EACCES), and large ones (EFBIG): they are there.
Result<std::optional<std::string>> look_for(GuestLink& agent, std::string_view path) {
    const auto read = agent.read_guest_file(std::string(path), Deadline::after(kSetupPatience));
    if (read) return *read;
    const auto says = [&](const char* name) { return read.error().message.find(name) != std::string::npos; };
    if (says("(ENOENT)") || says("(ENOTDIR)")) return std::nullopt;
    if (says("(EISDIR)") || says("(EACCES)") || says("(EFBIG)")) return std::string();
    return std::unexpected(read.error());
}

Result<std::set<std::string>> ask_for_features(GuestLink& agent) {
    std::set<std::string> features;
    for (const GuestFeature& feature : guest_features()) {
        MEMRIG_TRY(const auto text, look_for(agent, feature.path));
        if (!text) continue;
        if (!feature.unlike.empty()) {
            MEMRIG_TRY(const auto other, look_for(agent, feature.unlike));
            if (other == text) continue;
        }
        features.emplace(feature.key);
    }
    return features;
}

// Changes with what a guest is asked for: a saved guest was asked for something else then.
std::string features_asked() {
    std::string text;
    for (const GuestFeature& feature : guest_features())
        text += fmt::format("{} {} {}\n", feature.key, feature.path, feature.unlike);
    return text;
}

// The observer has to be there before the guest runs for the first time, and needs the symbols then.
Result<fs::path> plugin_for(Host& host, const MachineSpec& spec) {
    if (!is_kept(host, spec.bench))
        return fail(Fault::host, "the observer needs a guest that was saved, and bench {} boots each one",
                    spec.bench.name);
    const unsigned vcpus = spec.bench.vcpus() + spec.bench.spare;
    if (vcpus > OBSERVER_MOST_VCPUS)
        return fail(Fault::host, "the observer watches {} vCPUs at most, and bench {} has {}", OBSERVER_MOST_VCPUS + 0,
                    spec.bench.name, vcpus);
    return host.observer_plugin(spec.bench, spec.accelerator);
}

}  // namespace

bool is_kept(const Host& host, const Bench& bench) { return host.keeps_guests() && bench.restorable; }

Result<Initramfs> make_guest_initramfs(const Bench& bench, const KernelImage& kernel) {
    const fs::path agent = agent_binary(bench.arch);
    if (!fs::exists(agent))
        return fail_with({Fault::host, fmt::format("the guest agent for {} was not built", bench.arch), {}},
                         "install its cross compiler and build again");
    MEMRIG_TRY(const fs::path cache, cache_directory());
    std::vector<InitramfsModule> modules;
    if (!kernel.modules.empty()) {
        MEMRIG_TRY(const auto files, modules_in_order(kernel.modules, kernel.release, bench.modules, cache,
                                                      Deadline::after(kModulesPatience)));
        for (const ModuleFile& file : files) {
            MEMRIG_TRY(std::string image, read_module(file));
            modules.push_back({file.name + ".ko", std::move(image)});
        }
    }
    return prepare_initramfs(agent, modules, cache);
}

GuestStore::GuestStore(Host& host, std::function<void(const std::string&)> progress)
    : host_(host), progress_(std::move(progress)) {}

Result<std::shared_ptr<const PreparedGuest>> GuestStore::prepare(const Bench& bench, const KernelImage& kernel,
                                                                 Accelerator accelerator) {
    if (kernel.arch != bench.arch)
        return fail(Fault::user_input, "kernel {} is for {}, but bench {} is {}", kernel.id, kernel.arch, bench.name,
                    bench.arch);
    MachineSpec spec{bench, kernel, {}, accelerator, {}};
    MEMRIG_TRY(const Initramfs initramfs, make_guest_initramfs(bench, kernel));
    spec.initramfs = initramfs.path;
    if (bench.hypervisor) {
        for (const fs::path* file : {&spec.kernel.image, &spec.initramfs})
            if (file->string().find(' ') != std::string::npos)
                return fail_with(
                    {Fault::user_input,
                     fmt::format("QEMU gives no file to a hypervisor whose path has a space: {}", file->string()),
                     {}},
                    "move the kernel, or set MEMRIG_CACHE to another directory");
        MEMRIG_TRY(spec.hypervisor, fetch_hypervisor(*bench.hypervisor));
    }
    MEMRIG_TRY(const std::string version, host_.version(bench));
    Hasher hasher;
    hasher.add(std::to_string(kSavedFormat))
        .add(features_asked())
        .add(host_.name())
        .add(version)
        .add(bench.text)
        .add(kernel.sha256)
        .add(initramfs.hash);
    if (!bench.emulator.identity.empty()) hasher.add(bench.emulator.identity);
    if (bench.hypervisor) hasher.add(spec.hypervisor.sha256);
    const std::string key = hasher.add(spec.command_line()).add(to_string(accelerator)).finish().substr(0, 32);

    MEMRIG_TRY(const fs::path cache, cache_directory());
    const fs::path guests = guests_in(cache);
    MEMRIG_CHECK(make_directories(guests));
    MEMRIG_TRY(const FileLock lock, FileLock::take(guests / (key + ".lock")));
    const fs::path directory = guests / key;
    auto guest = load(directory, spec, key);
    if (!guest) guest = boot(directory, std::move(spec), key);
    MEMRIG_CHECK(guest);
    (*guest)->qemu_version = version;
    MEMRIG_TRY(auto kept, keep_guest(cache, key));
    if (kept) (*guest)->kept = std::make_shared<const FileLock>(*std::move(kept));
    return *std::move(guest);
}

Result<std::shared_ptr<PreparedGuest>> GuestStore::load(const fs::path& directory, MachineSpec spec,
                                                        const std::string& key) {
    auto guest = std::make_shared<PreparedGuest>();
    guest->order = std::move(spec);
    guest->key = key;
    if (is_kept(host_, guest->order.bench)) guest->state = directory / kState;
    MEMRIG_TRY(const std::string hello, read_file(directory / "hello.json", 1 << 20));
    MEMRIG_CHECK(fill_hello(*guest, hello));
    MEMRIG_TRY(const std::string symbols, read_file(directory / "symbols"));
    MEMRIG_TRY(guest->symbols, parse_symbols(symbols));
    if (!guest->state.empty() && !fs::exists(guest->state)) return fail(Fault::host, "a saved guest has no state");
    guest->from_cache = true;
    return guest;
}

Result<std::shared_ptr<PreparedGuest>> GuestStore::boot(const fs::path& directory, MachineSpec spec,
                                                        const std::string& key) {
    if (progress_) progress_(fmt::format("booting {} on {}", spec.kernel.id, spec.bench.name));
    MEMRIG_TRY(const Booted booted, boot_to_agent(host_, spec));
    const auto& [machine, hello, boot_seconds] = booted;
    if (hello.block_bytes == 0)
        return fail_with(
            {Fault::guest,
             fmt::format("kernel {} has no memory hotplug (no /sys/devices/system/memory)", spec.kernel.id),
             {}},
            "build it with CONFIG_MEMORY_HOTPLUG");
    for (const auto& warning : hello.warnings)
        logger(LogLayer::machine).warn("{}: {}", spec.kernel.id, one_line(warning));
    MEMRIG_TRY(const std::string unfit, set_up(spec.bench, machine->agent()));
    MEMRIG_TRY(const auto features, ask_for_features(machine->agent()));
    if (progress_) progress_(fmt::format("reading the symbols of {}", spec.kernel.id));
    MEMRIG_TRY(const auto symbols, machine->agent().symbols({}, Deadline::after(kBootPatience)));

    MEMRIG_TRY(TemporaryDirectory fresh, TemporaryDirectory::make("." + key, directory.parent_path()));
    if (is_kept(host_, spec.bench)) {
        if (progress_) progress_(fmt::format("saving {} at the agent's prompt", spec.kernel.id));
        MEMRIG_CHECK(machine->save(fresh.path() / kState, Deadline::after(kSavePatience)));
    }
    MEMRIG_CHECK(write_file(fresh.path() / "symbols", symbols_text(symbols)));
    MEMRIG_CHECK(write_file(fresh.path() / "hello.json", hello_json(hello, boot_seconds, unfit, features).dump(2)));
    std::error_code code;
    fs::permissions(fresh.path(), fs::perms(0755), code);  // other users may share the cache read-only
    fs::remove_all(directory, code);
    fs::rename(fresh.path(), directory, code);
    if (code) return fail(Fault::host, "cannot keep the saved guest {}: {}", directory.string(), code.message());
    fresh.release();
    const auto pruned = prune_guests(directory.parent_path().parent_path(), {});
    if (!pruned) logger(LogLayer::machine).warn("{}", pruned.error().message);
    else if (pruned->guests > 0)
        logger(LogLayer::machine).info("{} gone from the cache", counted(pruned->guests, "unused guest"));
    MEMRIG_TRY(auto guest, load(directory, std::move(spec), key));
    guest->from_cache = false;
    return guest;
}

Result<LiveGuest> begin_guest(Host& host, const std::shared_ptr<const PreparedGuest>& guest, const fs::path& evidence,
                              bool observe) {
    MachineSpec spec = guest->order;
    spec.evidence = evidence;
    std::string unobserved;
    if (observe) {
        auto plugin = plugin_for(host, spec);
        if (!plugin && plugin.error().fault != Fault::host) return std::unexpected(plugin.error());
        if (plugin) spec.observer = *std::move(plugin);
        else unobserved = plugin.error().message;
    }
    if (is_kept(host, spec.bench)) {
        MEMRIG_TRY(auto machine, host.restore(spec, guest->state, Deadline::after(kRestorePatience)));
        return LiveGuest{std::move(machine), guest, std::move(unobserved)};
    }
    MEMRIG_TRY(Booted booted, boot_to_agent(host, spec));
    MEMRIG_CHECK(set_up(spec.bench, booted.machine->agent()));
    auto own = std::make_shared<PreparedGuest>();
    own->order = guest->order;
    own->key = guest->key;
    own->hello = std::move(booted.hello);
    own->boot_seconds = booted.seconds;
    own->qemu_version = guest->qemu_version;
    own->features = guest->features;
    // KASLR puts the kernel at another address at each boot.
    MEMRIG_TRY(auto symbols, booted.machine->agent().symbols({}, Deadline::after(kBootPatience)));
    MEMRIG_TRY(own->symbols, parse_symbols(symbols_text(symbols)));
    return LiveGuest{std::move(booted.machine), std::move(own), std::move(unobserved)};
}

Status check_fit(const PreparedGuest& guest) {
    if (guest.unfit.empty()) return {};
    return fail(Fault::guest, "kernel {} cannot be set up as bench {} wants it: {}", guest.order.kernel.id,
                guest.order.bench.name, guest.unfit);
}

Status GuestStore::discard(const PreparedGuest& guest) {
    MEMRIG_TRY(const fs::path cache, cache_directory());
    const fs::path directory = guests_in(cache) / guest.key;
    MEMRIG_TRY(const FileLock lock, FileLock::take(directory.string() + ".lock"));
    std::error_code code;
    fs::remove_all(directory, code);
    if (code) return fail(Fault::host, "cannot remove the saved guest {}: {}", guest.key, code.message());
    return {};
}

}  // namespace memrig
