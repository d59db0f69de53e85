// A machine under test, and the hosts that make machines.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "guest/guest_link.h"
#include "kernel/image.h"
#include "machine/bench.h"
#include "machine/console_log.h"
#include "machine/endpoints.h"
#include "machine/hotplug_api.h"
#include "probe/gdb_probe.h"
#include "qmp/qmp_client.h"

namespace memrig {

class ObserverChannel;

enum class Accelerator { tcg, kvm };
const char* to_string(Accelerator accelerator);

// Describes a machine to be made. It is copied freely. Its paths must exist as long as the machine.
struct MachineSpec {
    Bench bench;
    KernelImage kernel;
    std::filesystem::path initramfs;
    Accelerator accelerator = Accelerator::tcg;
    std::filesystem::path evidence;          // the directory for QEMU's own output; empty: it is not kept
    Deadline answers_by{SteadyTime::max()};  // ProbeOptions::answers_by of the machine's probe
    Hypervisor hypervisor = {};              // the bench's, fetched
    std::filesystem::path observer = {};     // the plugin for Machine::observer(); empty: QEMU has none

    // The kernel's whole command line.
    [[nodiscard]] std::string command_line() const;
};

// Returns the options of the probe of such a machine.
ProbeOptions probe_options(const MachineSpec& spec);

// One running guest. The destructor ends it and removes everything that it used, on every path. Not thread-safe as a
// whole; each part states its own rule.
class Machine {
public:
    virtual ~Machine() = default;
    virtual QmpClient& qmp() = 0;
    // Connects on first use, which stops the guest.
    virtual Result<Probe*> probe() = 0;
    virtual GuestLink& agent() = 0;
    // Null if there is no management layer above QEMU: then use qmp().
    virtual HotplugApi* hotplug_api() { return nullptr; }
    [[nodiscard]] virtual const ConsoleLog& console() const = 0;
    // Returns how the machine ended, or nothing if it still lives after `grace`. Fault::rig, or Fault::host if the
    // management layer that ran it is gone. An error seen elsewhere may be an echo of this end, and come a little
    // earlier.
    virtual std::optional<Error> death(Duration grace) = 0;
    // Lets the vCPUs run. REQUIRES: no probe is attached.
    virtual Status start(Deadline deadline) = 0;
    // Stops the vCPUs and writes the guest's whole state to `file`. Afterwards the machine can only be destroyed.
    // REQUIRES: its host keeps guests.
    virtual Status save(const std::filesystem::path& file, Deadline deadline) = 0;
    // Removes all breakpoints and closes memrig's connections to the machine. The guest stands still, unless `run` is
    // true. Afterwards the machine can only be destroyed. An error says how the machine ended, or that machines of its
    // host cannot be handed over.
    virtual Result<Endpoints> hand_over(bool run);
    // The channel to the observer inside QEMU. Null if the machine was made without one.
    virtual ObserverChannel* observer() { return nullptr; }
    // The traffic on the agent's channel, one entry a line.
    [[nodiscard]] virtual std::string agent_transcript() = 0;
    [[nodiscard]] virtual Accelerator accelerator() const = 0;
    // The pid of QEMU, or 0 if QEMU is not a child of memrig. For tests that kill it.
    [[nodiscard]] virtual int process_id() const = 0;
};

// Makes machines. Thread-safe.
class Host {
public:
    virtual ~Host() = default;
    [[nodiscard]] virtual std::string name() const = 0;
    // The emulator's version. It is part of the key of saved guests: one version does not restore the guest of another.
    virtual Result<std::string> version(const Bench& bench) = 0;
    // True if its machines run on the computer that memrig runs on.
    [[nodiscard]] virtual bool is_here() const { return true; }
    // Checks that the service that runs its machines still answers: Fault::host if not.
    virtual Status answers(Deadline) { return {}; }
    // Returns the observer's plugin for its machines (MachineSpec::observer). Fault::host if they can have none.
    virtual Result<std::filesystem::path> observer_plugin(const Bench&, Accelerator) {
        return fail(Fault::host, "the machines of {} have no observer", name());
    }
    // If false, its machines cannot be saved, and each trial boots its own.
    [[nodiscard]] virtual bool keeps_guests() const { return true; }
    // Makes a machine that stands at its reset vector.
    virtual Result<std::unique_ptr<Machine>> create(const MachineSpec& spec, Deadline deadline) = 0;
    // Makes a stopped machine with the state that save() wrote. REQUIRES: keeps_guests().
    virtual Result<std::unique_ptr<Machine>> restore(const MachineSpec& spec, const std::filesystem::path& file,
                                                     Deadline deadline) = 0;
};

// A host that runs QEMU itself, on this computer.
std::unique_ptr<Host> make_qemu_backend();

// The time to wait for the end of a machine that seems to have died.
inline constexpr auto kExitPatience = std::chrono::seconds(10);

// Waits for the agent's greeting on a machine that was just started. If it does not come, the error has the console's
// last lines: Fault::guest if the kernel stopped (a panic ends QEMU, `panic=-1`) or the agent did not speak.
// Fault::host if the management layer is gone, Fault::interrupted if the user asks to stop.
Result<AgentHello> await_agent(Machine& machine, Deadline deadline);

}  // namespace memrig
