// A bench: the description of a machine, read from rig/benches/NAME.toml.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "machine/emulator.h"
#include "machine/hypervisor.h"

namespace memrig {

// The behaviour of this machine's kernel when a pc-dimm is plugged or unplugged.
struct BenchHotplug {
    std::string function = "acpi_device_hotplug";  // does it, under device_hotplug_lock (drivers/acpi/scan.c)
    bool onlines = false;                          // what it adds it brings online at once
    std::uint64_t least = 0;                       // a pc-dimm is at least of that size: of what it is a multiple of
};

// A virtio-mem device that is there from the beginning, and gives nothing yet.
struct BenchVirtioMem {
    std::string id;
    std::uint64_t bytes = 0;  // the most that it gives
    unsigned node = 0;
    // The id of the object that holds its memory.
    [[nodiscard]] std::string backend() const { return id + "-memory"; }
};

// A pc-dimm that is plugged while the firmware and the kernel boot.
struct BenchEarlyDimm {
    std::string id;
    std::string backend;  // the id of the object that holds its memory: "mem-" and the name of its actor
    std::uint64_t bytes = 0;
};

// The id of the PCIe root port that something can be plugged into: q35's own bus takes no hotplug.
inline constexpr const char* kPlugPort = "plug";

struct Bench {
    std::string name;
    std::string description;
    std::string arch;     // as uname -m prints it
    Emulator emulator;    // its program, e.g. qemu-system-x86_64, is the one in PATH, until use_emulator()
    std::string machine;  // QEMU's -machine type
    std::string cpu;      // QEMU's -cpu, empty for the machine's default
    std::uint64_t memory_bytes = 0, max_memory_bytes = 0;
    unsigned slots = 0;
    unsigned nodes = 1;         // NUMA nodes: node 0 has all vCPUs and all memory, the others have neither at first
    unsigned housekeeping = 1;  // vCPUs from 0 on that are never held
    unsigned actors = 2;        // vCPUs behind them, for the actors
    unsigned spare = 0;         // vCPUs that can be plugged
    std::string console, link;  // the guest's names of its two serial devices
    bool link_on_pci = false;   // the second one is a PCI device (pci-serial): the machine itself has but one
    std::vector<std::string> link_devices;  // or is this, as QEMU's -device wants it, on chardev "link"
    // False: what QEMU saves of it does not go on, or the boot itself is under test. Each trial boots its own then.
    bool restorable = true;
    std::string append;                         // added to the kernel's command line
    std::vector<std::string> modules;           // needed in the initramfs where the kernel has them as modules
    std::optional<BenchHypervisor> hypervisor;  // starts the kernel under test, and is started by QEMU
    BenchHotplug hotplug;                       // ACPI's, unless the bench says
    std::optional<BenchVirtioMem> virtio_mem;
    std::optional<BenchEarlyDimm> early_dimm;                 // not if restorable
    bool plug_port = false;                                   // whether it has kPlugPort
    std::vector<std::string> arguments;                       // further arguments for QEMU
    std::vector<std::pair<std::string, std::string>> writes;  // file and text: made once in the booted guest, in order
    std::string text;  // the file as read, and those of its bases behind it: part of the key of saved guests

    [[nodiscard]] unsigned vcpus() const { return housekeeping + actors; }
};

// A bench inherits all but its name and description from its base, a bench of rig/benches; four bases at most.
// An error names the file that it is in; `shown_name` is the name of `text`.
Result<Bench> parse_bench(std::string_view text, const std::string& shown_name);
// By name (rig/benches/NAME.toml) or by path (something with a '/').
Result<Bench> load_bench(const std::string& name);
// Another QEMU for it, as resolve_emulator() takes it.
Status use_emulator(Bench& bench, const std::string& id_or_path);
std::vector<std::string> bench_names();

}  // namespace memrig
