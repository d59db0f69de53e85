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

fs::path bench_directory() { return home_directory() / "rig" / "benches"; }
}  // namespace

Result<Bench> parse_bench(std::string_view text, const std::string& shown_name) {
    TomlDocument document = TomlDocument::parse(text, shown_name);
    MEMRIG_CHECK(document.status());
    TomlTable root = document.root();
    Bench bench;
    bench.text = text;
    root.integer("schema", 1, 1);
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
    if (auto memory = root.table("memory", true)) {
        bench.memory_bytes = memory->size("size");
        bench.max_memory_bytes = memory->size("max");
        bench.slots = static_cast<unsigned>(memory->integer("slots", 0, 256));
        bench.nodes = static_cast<unsigned>(memory->integer("nodes", 1, kMostNodes, 1));
        if (bench.memory_bytes < kLeastMemory) memory->report("size", "a guest needs at least 128M");
        if (bench.max_memory_bytes < bench.memory_bytes) memory->report("max", "\"max\" is less than \"size\"");
        memory->finish();
    }
    if (auto vcpus = root.table("vcpus", true)) {
        bench.housekeeping = static_cast<unsigned>(vcpus->integer("housekeeping", 1, kMostVcpus));
        bench.actors = static_cast<unsigned>(vcpus->integer("actors", 1, kMostVcpus));
        bench.spare = static_cast<unsigned>(vcpus->integer("spare", 0, kMostVcpus, 0));
        vcpus->finish();
    }
    if (auto consoles = root.table("consoles", true)) {
        bench.console = consoles->string("console");
        bench.link = consoles->string("link");
        bench.link_on_pci = consoles->boolean("link-on-pci", false);
        bench.link_devices = consoles->strings("link-devices", false);
        if (bench.link_on_pci && !bench.link_devices.empty())
            consoles->report("link-devices", "the line to the agent is one device: \"link-on-pci\" says another");
        consoles->finish();
    }
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
    if (auto device = root.table("virtio-mem", false)) {
        bench.virtio_mem = BenchVirtioMem{device->string("id"), device->size("size"),
                                          static_cast<unsigned>(device->integer("node", 0, kMostNodes - 1, 0))};
        if (!is_qemu_id(bench.virtio_mem->id)) device->report("id", "no letter, followed by letters, digits, - and _");
        device->finish();
    }
    bench.plug_port = root.boolean("plug-port", false);
    if (auto setup = root.table("setup", false)) {
        for (const auto& line : setup->strings("writes", true)) {
            const std::size_t space = line.find(' ');
            if (!line.starts_with("/sys/") || space == std::string::npos || space + 1 == line.size())
                setup->report("writes", fmt::format("\"{}\" is no file below /sys/, a space and a text", line));
            else bench.writes.emplace_back(line.substr(0, space), line.substr(space + 1));
        }
        setup->finish();
    }
    root.finish();
    MEMRIG_CHECK(document.status());
    return bench;
}

Result<Bench> load_bench(const std::string& name) {
    const bool is_path = name.find('/') != std::string::npos;
    const fs::path path = is_path ? fs::path(name) : bench_directory() / (name + ".toml");
    auto text = read_file(path, 1 << 20);
    if (!text && !is_path) {
        std::string known;
        for (const auto& other : bench_names()) known += (known.empty() ? "" : ", ") + other;
        return fail(Fault::user_input, "there is no bench \"{}\"; there are: {}", name, known);
    }
    if (!text) return fail(Fault::user_input, "{}", text.error().message);
    return parse_bench(*text, shown(path));
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
