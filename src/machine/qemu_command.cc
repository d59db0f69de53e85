#include "machine/qemu_command.h"

#include <algorithm>
#include <iterator>

namespace memrig {

namespace {

// QEMU serves the monitor on a thread of its own as soon as it listens. With wait=off, that thread may take a client
// that is already there, and the main thread then blocks in accept() for ever (QEMU 7.2).
std::string chardev(const char* id, int descriptor, bool wait = false) {
    return fmt::format("socket,id={},fd={},server=on,wait={}", id, descriptor, wait ? "on" : "off");
}

std::string mebibytes(std::uint64_t bytes) { return fmt::format("{}M", bytes >> 20); }

std::string vcpus(const Bench& bench) {
    const unsigned most = bench.vcpus() + bench.spare;
    return bench.spare == 0 ? std::to_string(most) : fmt::format("{},maxcpus={}", bench.vcpus(), most);
}

// Nothing for a single node: QEMU makes that one itself if memory can be plugged.
std::vector<std::string> numa(const Bench& bench) {
    if (bench.nodes == 1) return {};
    std::vector<std::string> arguments = {
        "-object", fmt::format("memory-backend-ram,id=node0-memory,size={}", mebibytes(bench.memory_bytes)), "-numa",
        fmt::format("node,nodeid=0,cpus=0-{},memdev=node0-memory", bench.vcpus() + bench.spare - 1)};
    const auto empty = empty_nodes(bench);
    arguments.insert(arguments.end(), empty.begin(), empty.end());
    return arguments;
}

// A comma ends a module's name in a list of them, and two stand for one (load_multiboot(), hw/i386/multiboot.c).
std::string with_commas_doubled(const std::string& text) {
    std::string doubled;
    for (const char c : text) doubled += c == ',' ? std::string(",,") : std::string(1, c);
    return doubled;
}

// QEMU starts the hypervisor by Multiboot. The first of its modules is dom0's kernel, the second one its initramfs.
std::vector<std::string> boot_files(const MachineSpec& spec) {
    if (spec.hypervisor.image.empty())
        return {"-kernel", spec.kernel.image.string(), "-initrd", spec.initramfs.string(),
                "-append", spec.command_line()};
    return {"-kernel",
            spec.hypervisor.image.string(),
            "-initrd",
            fmt::format("{},{}", with_commas_doubled(spec.kernel.image.string() + " " + spec.command_line()),
                        with_commas_doubled(spec.initramfs.string())),
            "-append",
            spec.hypervisor.append};
}

std::string accel(Accelerator accelerator) { return accelerator == Accelerator::kvm ? "kvm" : "tcg,thread=multi"; }

}  // namespace

std::string MachineSpec::command_line() const {
    std::string line = fmt::format("console={} memrig.link={}", bench.console, bench.link);
    if (!bench.append.empty()) line += " " + bench.append;
    // Under KVM, QEMU writes a breakpoint into the guest's memory through the page tables of one vCPU. With page table
    // isolation, a vCPU in user mode has none for the kernel.
    if (accelerator == Accelerator::kvm && bench.arch == "x86_64") line += " nopti";
    return line;
}

std::vector<std::string> empty_nodes(const Bench& bench) {
    std::vector<std::string> arguments;
    for (unsigned node = 1; node < bench.nodes; ++node)
        arguments.insert(arguments.end(), {"-numa", fmt::format("node,nodeid={}", node)});
    return arguments;
}

std::string plugin_option(const std::filesystem::path& file, int descriptor) {
    const std::string option = "file=" + with_commas_doubled(file.string());
    return descriptor < 0 ? option : option + fmt::format(",fd={}", descriptor);
}

std::vector<std::string> qemu_command(const MachineSpec& spec, bool incoming) {
    const Bench& bench = spec.bench;
    std::vector<std::string> argv = {bench.emulator.program,
                                     "-nodefaults",
                                     "-no-user-config",
                                     "-display",
                                     "none",
                                     "-no-reboot",
                                     "-S",
                                     "-machine",
                                     bench.machine,
                                     "-accel",
                                     accel(spec.accelerator),
                                     "-smp",
                                     vcpus(bench),
                                     "-m",
                                     fmt::format("size={},slots={},maxmem={}", mebibytes(bench.memory_bytes),
                                                 bench.slots, mebibytes(bench.max_memory_bytes)),
                                     "-chardev",
                                     chardev("qmp", QemuDescriptors::qmp, true),
                                     "-mon",
                                     "chardev=qmp,mode=control",
                                     "-chardev",
                                     chardev("gdb", QemuDescriptors::gdb),
                                     "-gdb",
                                     "chardev:gdb",
                                     "-chardev",
                                     chardev("console", QemuDescriptors::console),
                                     "-serial",
                                     "chardev:console",
                                     "-chardev",
                                     chardev("link", QemuDescriptors::link)};
    std::ranges::move(boot_files(spec), std::back_inserter(argv));
    if (bench.link_on_pci) argv.insert(argv.end(), {"-device", "pci-serial,chardev=link"});
    else if (bench.link_devices.empty()) argv.insert(argv.end(), {"-serial", "chardev:link"});
    argv.insert(argv.end(), bench.emulator.arguments.begin(), bench.emulator.arguments.end());
    if (!bench.cpu.empty()) argv.insert(argv.end(), {"-cpu", bench.cpu});
    std::ranges::copy(numa(bench), std::back_inserter(argv));
    if (const auto& device = bench.virtio_mem)
        argv.insert(
            argv.end(),
            {"-object", fmt::format("memory-backend-ram,id={},size={}", device->backend(), device->bytes), "-device",
             fmt::format("virtio-mem-pci,id={},memdev={},node={},requested-size=0", device->id, device->backend(),
                         device->node)});
    if (bench.plug_port) argv.insert(argv.end(), {"-device", fmt::format("pcie-root-port,id={}", kPlugPort)});
    argv.insert(argv.end(), bench.arguments.begin(), bench.arguments.end());
    for (const auto& device : bench.link_devices) argv.insert(argv.end(), {"-device", device});
    if (!spec.observer.empty())
        argv.insert(argv.end(), {"-plugin", plugin_option(spec.observer, QemuDescriptors::observer)});
    if (incoming) argv.insert(argv.end(), {"-incoming", "defer"});
    return argv;
}

}  // namespace memrig
