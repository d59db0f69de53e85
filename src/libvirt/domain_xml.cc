#include "libvirt/domain_xml.h"

#include <algorithm>
#include <iterator>
#include <sstream>

#include <pugixml.hpp>

#include "libvirt/device_names.h"
#include "libvirt/gdbstub.h"
#include "machine/qemu_command.h"

namespace memrig {

namespace {

constexpr std::uint64_t kVirtioMemBlock = 2ull << 20;  // QEMU's default with huge pages of 2 MiB
constexpr const char* kQemuNamespace = "http://libvirt.org/schemas/domain/qemu/1.0";

pugi::xml_node add(pugi::xml_node parent, const char* name, const std::string& text = {}) {
    pugi::xml_node node = parent.append_child(name);
    if (!text.empty()) node.text().set(text.c_str());
    return node;
}

void set(pugi::xml_node node, const char* name, const std::string& value) {
    node.append_attribute(name).set_value(value.c_str());
}

void add_bytes(pugi::xml_node parent, const char* name, std::uint64_t bytes) {
    set(add(parent, name, std::to_string(bytes >> 10)), "unit", "KiB");
}

std::string xml_text(const pugi::xml_document& document) {
    std::ostringstream text;
    document.save(text, "  ", pugi::format_default | pugi::format_no_declaration);
    return text.str();
}

void add_memory(pugi::xml_node domain, const Bench& bench) {
    if (bench.slots == 0) return;
    set(add(domain, "maxMemory", std::to_string(bench.max_memory_bytes >> 10)), "slots", std::to_string(bench.slots));
    set(domain.child("maxMemory"), "unit", "KiB");
}

// The vCPUs are cores of one socket, as QEMU has them; libvirt would make each a socket. libvirt wants at least one
// NUMA node if memory can be plugged. It makes no node without memory, so QEMU gets the others itself (empty_nodes()).
void add_cpu(pugi::xml_node domain, const Bench& bench) {
    const unsigned most = bench.vcpus() + bench.spare;
    const pugi::xml_node cpu = add(domain, "cpu"), topology = add(cpu, "topology");
    set(topology, "sockets", "1");
    set(topology, "cores", std::to_string(most));
    set(topology, "threads", "1");
    if (bench.slots == 0) return;
    const pugi::xml_node cell = add(add(cpu, "numa"), "cell");
    set(cell, "id", "0");
    set(cell, "cpus", fmt::format("0-{}", most - 1));
    set(cell, "memory", std::to_string(bench.memory_bytes >> 10));
    set(cell, "unit", "KiB");
}

void add_os(pugi::xml_node domain, const MachineSpec& spec, const std::string& machine) {
    const pugi::xml_node os = add(domain, "os");
    const pugi::xml_node type = add(os, "type", "hvm");
    set(type, "arch", libvirt_arch(spec.bench));
    set(type, "machine", machine);
    add(os, "kernel", spec.kernel.image.string());
    add(os, "initrd", spec.initramfs.string());
    add(os, "cmdline", spec.command_line());
    if (spec.bench.arch == "x86_64") add(add(domain, "features"), "acpi");
}

// Adds the channel whose socket the gdbstub takes over (serve_gdbstub()). libvirt chooses the socket's path.
void add_gdb_channel(pugi::xml_node devices) {
    const pugi::xml_node channel = add(devices, "channel");
    set(channel, "type", "unix");
    const pugi::xml_node target = add(channel, "target");
    set(target, "type", "virtio");
    set(target, "name", kGdbChannel);
}

void add_pci(pugi::xml_node devices, const char* model) {
    const pugi::xml_node controller = add(devices, "controller");
    set(controller, "type", "pci");
    set(controller, "model", model);
}

// libvirt makes no root port for a device that may be plugged, and the gdbstub's channel takes the first free port.
void add_root_ports(pugi::xml_node devices, const DomainNames& names) {
    add_pci(devices, "pcie-root");
    if (names.gdb_socket.empty()) add_pci(devices, "pcie-root-port");
    add_pci(devices, "pcie-root-port");
}

void add_virtio_mem(pugi::xml_node devices, const VirtioMemSpec& device) {
    const pugi::xml_node memory = add(devices, "memory");
    set(memory, "model", "virtio-mem");
    const pugi::xml_node target = add(memory, "target");
    add_bytes(target, "size", device.most);
    add(target, "node", std::to_string(device.node));
    add_bytes(target, "block", kVirtioMemBlock);
    add_bytes(target, "requested", device.requested);
    set(add(memory, "alias"), "name", DeviceNames::alias(device.id));
}

// libvirt's names for a kind of serial device; empty: the machine's default.
struct SerialKind {
    const char *type = "", *model = "";
};
constexpr SerialKind kSpaprVty{"spapr-vio-serial", "spapr-vty"}, kPciSerial{"pci-serial", "pci-serial"};

void add_serial(pugi::xml_node devices, const char* port, const SerialKind& kind) {
    const pugi::xml_node serial = add(devices, "serial");
    set(serial, "type", "pty");
    const pugi::xml_node target = add(serial, "target");
    set(target, "port", port);
    if (*kind.type == '\0') return;
    set(target, "type", kind.type);
    set(add(target, "model"), "name", kind.model);
}

void add_devices(pugi::xml_node domain, const Bench& bench, const DomainNames& names) {
    const pugi::xml_node devices = add(domain, "devices");
    if (bench.emulator.program.find('/') != std::string::npos) add(devices, "emulator", bench.emulator.program);
    const pugi::xml_node usb = add(devices, "controller");
    set(usb, "type", "usb");
    set(usb, "model", "none");
    const SerialKind usual = bench.machine.starts_with("pseries") ? kSpaprVty : SerialKind{};
    add_serial(devices, "0", usual);
    if (bench.link_devices.empty()) add_serial(devices, "1", bench.link_on_pci ? kPciSerial : usual);
    if (names.gdb_socket.empty()) add_gdb_channel(devices);
    if (bench.plug_port) add_root_ports(devices, names);
    if (const auto& device = bench.virtio_mem)
        add_virtio_mem(devices, {device->id, device->backend(), device->bytes, 0, static_cast<int>(device->node)});
    set(add(devices, "memballoon"), "model", "none");
}

std::vector<std::string> further_arguments(const MachineSpec& spec, const DomainNames& names,
                                           const std::string& machine_options, bool incoming) {
    const Bench& bench = spec.bench;
    std::vector<std::string> arguments;
    const auto append = [&](std::initializer_list<std::string> more) { arguments.insert(arguments.end(), more); };
    if (!names.gdb_socket.empty()) append({"-gdb", "unix:" + names.gdb_socket + ",server=on,wait=off"});
    if (!machine_options.empty()) append({"-machine", machine_options});
    if (!bench.cpu.empty()) append({"-cpu", bench.cpu});
    arguments.insert(arguments.end(), bench.emulator.arguments.begin(), bench.emulator.arguments.end());
    std::ranges::copy(empty_nodes(bench), std::back_inserter(arguments));
    arguments.insert(arguments.end(), bench.arguments.begin(), bench.arguments.end());
    if (!bench.link_devices.empty())
        append({"-chardev", "socket,id=link,path=" + names.link_socket + ",server=on,wait=off"});
    for (const auto& device : bench.link_devices) append({"-device", device});
    if (incoming) append({"-incoming", "defer"});
    return arguments;
}

}  // namespace

std::string dimm_xml(const DimmSpec& spec, const std::filesystem::path& file) {
    pugi::xml_document document;
    const pugi::xml_node memory = add(document, "memory");
    set(memory, "model", spec.nvdimm ? "nvdimm" : "dimm");
    if (!file.empty()) add(add(memory, "source"), "path", file.string());
    const pugi::xml_node target = add(memory, "target");
    add_bytes(target, "size", spec.bytes);
    add(target, "node", std::to_string(spec.node));
    set(add(memory, "alias"), "name", DeviceNames::alias(spec.id));
    return xml_text(document);
}

std::string virtio_mem_xml(const VirtioMemSpec& spec) {
    pugi::xml_document document;
    add_virtio_mem(document, spec);
    return xml_text(document);
}

std::string libvirt_arch(const Bench& bench) { return bench.arch == "ppc64le" ? "ppc64" : bench.arch; }

std::string domain_xml(const MachineSpec& spec, const DomainNames& names, bool incoming) {
    const Bench& bench = spec.bench;
    const std::size_t comma = bench.machine.find(',');
    const std::string machine = bench.machine.substr(0, comma);
    const std::string machine_options = comma == std::string::npos ? "" : bench.machine.substr(comma + 1);

    pugi::xml_document document;
    pugi::xml_node domain = add(document, "domain");
    set(domain, "type", spec.accelerator == Accelerator::kvm ? "kvm" : "qemu");
    set(domain, "xmlns:qemu", kQemuNamespace);
    add(domain, "name", names.domain);
    add_memory(domain, bench);
    add_cpu(domain, bench);
    add_bytes(domain, "memory", bench.memory_bytes);
    const pugi::xml_node vcpu = add(domain, "vcpu", std::to_string(bench.vcpus() + bench.spare));
    if (bench.spare != 0) set(vcpu, "current", std::to_string(bench.vcpus()));
    add_os(domain, spec, machine);
    for (const char* end : {"on_poweroff", "on_reboot", "on_crash"}) add(domain, end, "destroy");
    add_devices(domain, bench, names);
    const pugi::xml_node line = add(domain, "qemu:commandline");
    for (const auto& argument : further_arguments(spec, names, machine_options, incoming))
        set(add(line, "qemu:arg"), "value", argument);
    return xml_text(document);
}

}  // namespace memrig
