#include "machine/bench.h"

#include <algorithm>

#include "base/file.h"
#include "base/paths.h"
#include "base/toml_reader.h"
#include "probe/architecture.h"

namespace memrig {

namespace {
constexpr std::uint64_t kLeastMemory = 128ull << 20;
constexpr std::int64_t kMostVcpus = 64, kMostNodes = 128;  // QEMU's MAX_NODES

// What QEMU and libvirt take for an id (id_wellformed(), util/id.c).
bool is_qemu_id(const std::string& id) {
    const auto good = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; };
    return !id.empty() && std::isalpha(static_cast<unsigned char>(id.front())) != 0 && std::ranges::all_of(id, good);
}

// What Debian takes for the name of a package (deb-control(5)); those of suites and architectures are like it.
bool is_debian_name(const std::string& name) {
    const auto good = [](unsigned char c) {
        return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '+' || c == '-' || c == '.';
    };
    return !name.empty() && std::isalnum(static_cast<unsigned char>(name.front())) != 0 &&
           std::ranges::all_of(name, good);
}

fs::path bench_directory() { return home_directory() / "rig" / "benches"; }
constexpr std::size_t kMostBases = 4;

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

std::string no_such_bench(const std::string& name) {
    return fmt::format("there is no bench \"{}\"; there are: {}", name, joined(bench_names()));
}

struct BenchFile {
    TomlDocument document;  // with all that it inherits
    std::string text;       // of the file and of its bases
};

// `chain`: the benches that led to this file, and the file itself.
Result<BenchFile> read_with_bases(std::string_view text, const std::string& shown_name,
                                  std::vector<std::string> chain) {
    BenchFile file{TomlDocument::parse(text, shown_name), std::string(text)};
    MEMRIG_CHECK(file.document.status());
    TomlTable root = file.document.root();
    if (!root.has("base")) return file;
    root.integer("schema", 1, 1);
    const std::string base = root.string("base");
    MEMRIG_CHECK(file.document.status());
    const bool cycle = std::ranges::find(chain, base) != chain.end();
    chain.push_back(base);
    if (cycle) root.report("base", fmt::format("the bases are a cycle: {}", joined(chain)));
    else if (chain.size() > kMostBases + 1)
        root.report("base", fmt::format("there are more than {} bases: {}", kMostBases, joined(chain)));
    else if (const auto known = bench_names(); std::ranges::find(known, base) == known.end())
        root.report("base", no_such_bench(base));
    MEMRIG_CHECK(file.document.status());
    const fs::path path = bench_directory() / (base + ".toml");
    MEMRIG_TRY(const std::string base_text, read_file(path, 1 << 20));
    MEMRIG_TRY(BenchFile inherited, read_with_bases(base_text, shown(path), std::move(chain)));
    file.document.inherit(std::move(inherited.document), {"schema", "name", "description", "base"});
    file.text += fmt::format("\n# base = \"{}\"\n{}", base, inherited.text);
    return file;
}

void read_memory(TomlTable memory, Bench& bench) {
    bench.memory_bytes = memory.size("size");
    bench.max_memory_bytes = memory.size("max");
    bench.slots = static_cast<unsigned>(memory.integer("slots", 0, 256));
    bench.nodes = static_cast<unsigned>(memory.integer("nodes", 1, kMostNodes, 1));
    if (bench.memory_bytes < kLeastMemory) memory.report("size", "a guest needs at least 128M");
    if (bench.max_memory_bytes < bench.memory_bytes) memory.report("max", "\"max\" is less than \"size\"");
    memory.finish();
}

void read_consoles(TomlTable consoles, Bench& bench) {
    bench.console = consoles.string("console");
    bench.link = consoles.string("link");
    bench.link_on_pci = consoles.boolean("link-on-pci", false);
    bench.link_devices = consoles.strings("link-devices", false);
    if (bench.link_on_pci && !bench.link_devices.empty())
        consoles.report("link-devices", "the line to the agent is one device: \"link-on-pci\" says another");
    consoles.finish();
}

void read_virtio_mem(TomlTable device, Bench& bench) {
    bench.virtio_mem = BenchVirtioMem{device.string("id"), device.size("size"),
                                      static_cast<unsigned>(device.integer("node", 0, kMostNodes - 1, 0))};
    if (!is_qemu_id(bench.virtio_mem->id)) device.report("id", "no letter, followed by letters, digits, - and _");
    device.finish();
}

void read_hypervisor(TomlTable hypervisor, Bench& bench) {
    bench.hypervisor =
        BenchHypervisor{hypervisor.string("suite"), hypervisor.string("arch"), hypervisor.string("package"),
                        hypervisor.string("file"), hypervisor.string("append", "")};
    const fs::path file = bench.hypervisor->file;
    if (file.is_absolute() || std::ranges::find(file, "..") != file.end())
        hypervisor.report("file", "a path inside of the package, without \"..\", is needed");
    for (const char* key : {"suite", "arch", "package"})
        if (hypervisor.has(key) && !is_debian_name(hypervisor.string(key)))
            hypervisor.report(key, "small letters, digits, +, - and . alone are allowed");
    hypervisor.finish();
}

void read_early_dimm(TomlTable dimm, Bench& bench) {
    bench.early_dimm = BenchEarlyDimm{dimm.string("id"), dimm.string("backend"), dimm.size("size")};
    for (const char* key : {"id", "backend"})
        if (dimm.has(key) && !is_qemu_id(dimm.string(key)))
            dimm.report(key, "no letter, followed by letters, digits, - and _");
    if (bench.slots == 0) dimm.report("id", "the bench has no slot for it (\"slots\" of [memory])");
    bench.restorable = false;
    dimm.finish();
}

void read_setup(TomlTable setup, Bench& bench) {
    for (const auto& line : setup.strings("writes", true)) {
        const std::size_t space = line.find(' ');
        if (!line.starts_with("/sys/") || space == std::string::npos || space + 1 == line.size())
            setup.report("writes", fmt::format("\"{}\" is no file below /sys/, a space and a text", line));
        else bench.writes.emplace_back(line.substr(0, space), line.substr(space + 1));
    }
    setup.finish();
}

Result<Bench> read_bench(std::string_view text, const std::string& shown_name, const std::string& name) {
    MEMRIG_TRY(BenchFile file, read_with_bases(text, shown_name, {name}));
    TomlTable root = file.document.root();
    Bench bench;
    bench.text = std::move(file.text);
    root.integer("schema", 1, 1);
    root.string("base", "");
    bench.name = root.string("name");
    bench.description = root.string("description", "");
    bench.arch = root.string("arch");
    if (root.has("arch") && find_architecture(bench.arch) == nullptr)
        root.report("arch", fmt::format("memrig knows no architecture \"{}\"", bench.arch));
    bench.emulator.program = root.string("emulator");
    bench.machine = root.string("machine");
    bench.cpu = root.string("cpu", "");
    bench.arguments = root.strings("arguments", false);
    bench.restorable = root.boolean("restorable", true);
    if (auto memory = root.table("memory", true)) read_memory(*std::move(memory), bench);
    if (auto vcpus = root.table("vcpus", true)) {
        bench.housekeeping = static_cast<unsigned>(vcpus->integer("housekeeping", 1, kMostVcpus));
        bench.actors = static_cast<unsigned>(vcpus->integer("actors", 1, kMostVcpus));
        bench.spare = static_cast<unsigned>(vcpus->integer("spare", 0, kMostVcpus, 0));
        vcpus->finish();
    }
    if (auto consoles = root.table("consoles", true)) read_consoles(*std::move(consoles), bench);
    if (auto kernel = root.table("kernel", true)) {
        bench.append = kernel->string("append", "");
        bench.modules = kernel->strings("modules", false);
        kernel->finish();
    }
    if (auto hotplug = root.table("hotplug", false)) {
        bench.hotplug.function = hotplug->string("function");
        bench.hotplug.onlines = hotplug->boolean("onlines", false);
        if (hotplug->has("least")) bench.hotplug.least = hotplug->size("least");
        hotplug->finish();
    }
    if (auto hypervisor = root.table("hypervisor", false)) read_hypervisor(*std::move(hypervisor), bench);
    if (auto device = root.table("virtio-mem", false)) read_virtio_mem(*std::move(device), bench);
    if (auto dimm = root.table("early-dimm", false)) read_early_dimm(*std::move(dimm), bench);
    bench.plug_port = root.boolean("plug-port", false);
    if (auto setup = root.table("setup", false)) read_setup(*std::move(setup), bench);
    root.finish();
    MEMRIG_CHECK(file.document.status());
    return bench;
}
}  // namespace

Result<Bench> parse_bench(std::string_view text, const std::string& shown_name) {
    return read_bench(text, shown_name, shown_name);
}

Result<Bench> load_bench(const std::string& name) {
    const bool is_path = name.find('/') != std::string::npos;
    const fs::path path = is_path ? fs::path(name) : bench_directory() / (name + ".toml");
    auto text = read_file(path, 1 << 20);
    if (!text && !is_path) return fail(Fault::user_input, "{}", no_such_bench(name));
    if (!text) return fail(Fault::user_input, "{}", text.error().message);
    return read_bench(*text, shown(path), name);
}

Status use_emulator(Bench& bench, const std::string& id_or_path) {
    MEMRIG_TRY(bench.emulator, resolve_emulator(id_or_path, bench.emulator.program));
    return {};
}

std::vector<std::string> bench_names() {
    std::vector<std::string> names;
    std::error_code code;
    for (const auto& entry : fs::directory_iterator(bench_directory(), code))
        if (entry.path().extension() == ".toml") names.push_back(entry.path().stem().string());
    std::ranges::sort(names);
    return names;
}

}  // namespace memrig
