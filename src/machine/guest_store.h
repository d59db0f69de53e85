// Boots guests and saves them at the agent's prompt. A guest is made once for each kernel, bench, agent and QEMU, and
// is restored for each trial. If the host keeps no guests, the store keeps what one boot has told.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "base/file.h"
#include "guest/initramfs.h"
#include "machine/machine.h"
#include "probe/symbols.h"

namespace memrig {

// Everything that a trial needs to begin. Immutable; trials share it.
struct PreparedGuest {
    MachineSpec order;
    std::filesystem::path state;  // the file for Host::restore(); empty if the guest is not kept (is_kept())
    std::string key;              // a hash of everything that went into the guest
    AgentHello hello;
    SymbolTable symbols;
    double boot_seconds = 0;  // from QEMU's start to the agent's greeting, when the guest was made
    std::string qemu_version;
    bool from_cache = false;
    std::set<std::string> features;        // GuestFeature::key of each feature that the kernel has
    std::shared_ptr<const FileLock> kept;  // while it is held, nobody prunes the guest
    std::string unfit;                     // the part of the bench's set-up that the kernel refused; normally empty
};

// A guest at the beginning of a trial: the agent is at its prompt, and no probe is attached yet.
struct LiveGuest {
    std::unique_ptr<Machine> machine;
    std::shared_ptr<const PreparedGuest> guest;  // with the symbols of this machine
    std::string unobserved = {};                 // why Machine::observer() is null although it was asked for
};
// True if guests are saved and restored: the host can do that, and a restored guest of the bench's machine runs on.
bool is_kept(const Host& host, const Bench& bench);

// Restores the guest, or boots one if guests are not kept. `evidence` is for MachineSpec::evidence. With `observe`, the
// machine gets an observer if it can have one.
Result<LiveGuest> begin_guest(Host& host, const std::shared_ptr<const PreparedGuest>& guest,
                              const std::filesystem::path& evidence, bool observe = false);

// Checks that trials can run in the guest. Fault::guest if its kernel refused the bench's set-up. A feature that
// the kernel lacks is found before, by the guest's symbols.
Status check_fit(const PreparedGuest& guest);

// Prepares guests in the cache. Thread-safe, and safe against other processes (one file lock for each key).
class GuestStore {
public:
    // `progress` is called before each thing that takes time ("booting debian-6.1-amd64 on q35"); it may be empty.
    GuestStore(Host& host, std::function<void(const std::string&)> progress);

    // Loads the guest from the cache, or boots and saves it. Fault::guest if it does not boot, or if the
    // kernel has no memory hotplug or lacks a module of the bench. Fault::user_input if kernel and bench are of
    // different architectures. Also Fault::rig, Fault::host.
    Result<std::shared_ptr<const PreparedGuest>> prepare(const Bench& bench, const KernelImage& kernel,
                                                         Accelerator accelerator);
    // Removes from the cache a saved guest that does not restore, or that nobody will ask for again. A process that has
    // it makes it again.
    Status discard(const PreparedGuest& guest);

private:
    Result<std::shared_ptr<PreparedGuest>> load(const std::filesystem::path& directory, MachineSpec spec,
                                                const std::string& key);
    Result<std::shared_ptr<PreparedGuest>> boot(const std::filesystem::path& directory, MachineSpec spec,
                                                const std::string& key);

    Host& host_;
    std::function<void(const std::string&)> progress_;
};

// Makes the initramfs of a kernel on a bench: the agent, and those of the bench's modules that the kernel has as
// modules.
Result<Initramfs> make_guest_initramfs(const Bench& bench, const KernelImage& kernel);

}  // namespace memrig
