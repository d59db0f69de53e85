// Booted guests, saved at the agent's prompt: made once per kernel, bench, agent and QEMU, restored for each trial. Of a backend that keeps none,
// what one boot has told is kept.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "guest/initramfs.h"
#include "machine/machine.h"
#include "probe/symbols.h"

namespace memrig {

// All that a trial needs to begin. Immutable; shared by trials.
struct PreparedGuest {
    MachineSpec order;
    std::filesystem::path state;  // what Host::restore() takes; empty where the backend keeps no guests
    std::string key;              // names all that went into it
    AgentHello hello;
    SymbolTable symbols;
    double boot_seconds = 0;  // from QEMU's start to the agent's greeting, when it was made
    std::string qemu_version;
    bool from_cache = false;
    std::string unfit;  // what of the bench's set-up the kernel refused; mostly empty
};

// What a trial begins with: the agent is at its prompt, and no probe is attached yet.
struct LiveGuest {
    std::unique_ptr<Machine> machine;
    std::shared_ptr<const PreparedGuest> guest;  // its symbols are this machine's
};
// Whether its guests are saved and restored: the backend can do it, and the bench's machine goes on after.
bool is_kept(const Host& backend, const Bench& bench);

// Restored, or booted where it is not kept. `evidence` is MachineSpec's.
Result<LiveGuest> begin_guest(Host& backend, const std::shared_ptr<const PreparedGuest>& guest,
                              const std::filesystem::path& evidence);

// Whether trials can be run in it. Fault::user_input where not; a guest's symbols tell beforehand what its kernel lacks.
Status check_fit(const PreparedGuest& guest);

// Prepares guests in the cache. Thread-safe, and safe against other processes (a lock per key).
class GuestStore {
public:
    // `progress` is told what takes time ("booting debian-6.1-amd64 on q35"); may be empty.
    GuestStore(Host& backend, std::function<void(const std::string&)> progress);

    // From the cache if it is there. Errors: Fault::guest (it does not boot; it has no memory hotplug), Fault::user_input
    // (kernel and bench are of different architectures), Fault::rig, Fault::host.
    Result<std::shared_ptr<const PreparedGuest>> prepare(const Bench& bench, const KernelImage& kernel,
                                                         Accelerator accelerator);
    // Throws away a saved guest that does not restore.
    Status discard(const PreparedGuest& guest);

private:
    Result<std::shared_ptr<PreparedGuest>> load(const std::filesystem::path& directory, MachineSpec order,
                                                const std::string& key);
    Result<std::shared_ptr<PreparedGuest>> boot(const std::filesystem::path& directory, MachineSpec order,
                                                const std::string& key);

    Host& backend_;
    std::function<void(const std::string&)> progress_;
};

// The initramfs for a kernel on a bench: the agent, and those of the bench's modules that the kernel has as modules.
Result<Initramfs> make_guest_initramfs(const Bench& bench, const KernelImage& kernel);

}  // namespace memrig
