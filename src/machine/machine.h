// A machine under test, and the backends that make them.
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
#include "probe/probe.h"
#include "qmp/qmp_client.h"

namespace memrig {

enum class Accelerator { tcg, kvm };
const char* to_string(Accelerator accelerator);

// What a machine is made of. Copied freely; paths must exist as long as the machine does.
struct MachineSpec {
    Bench bench;
    KernelImage kernel;
    std::filesystem::path initramfs;
    Accelerator accelerator = Accelerator::tcg;
    std::filesystem::path evidence;  // where QEMU's own output goes; empty: nowhere

    // The kernel's whole command line.
    [[nodiscard]] std::string command_line() const;
};

// One running guest. Destroying it ends it and removes all that it used, on every path. Not thread-safe as a whole; each of
// its parts says for itself.
class Machine {
public:
    virtual ~Machine() = default;
    virtual QmpClient& qmp() = 0;
    // Connected on first use: the guest is stopped then.
    virtual Result<Probe*> probe() = 0;
    virtual GuestLink& agent() = 0;
    // Null where QEMU is asked itself, by qmp().
    virtual HotplugApi* hotplug_api() { return nullptr; }
    [[nodiscard]] virtual const ConsoleLog& console() const = 0;
    // How it ended, as Fault::rig, or Fault::host where who ran it is gone; nothing if it lives on for `grace`. An error seen elsewhere may be but the echo of this, and come a
    // little earlier.
    virtual std::optional<Error> death(Duration grace) = 0;
    // Lets the vCPUs run, for a machine without a probe attached.
    virtual Status start(Deadline deadline) = 0;
    // Stops the vCPUs and writes the guest's whole state to `file`. The machine can only be destroyed afterwards. REQUIRES: its backend
    // keeps guests.
    virtual Status save(const std::filesystem::path& file, Deadline deadline) = 0;
    // Lets go of all that memrig holds of the machine: it has no breakpoints any more, and stands still unless it is to `run`. From then on it
    // can only be destroyed. An error says how it ended, where it has, or that this backend has no such machines.
    virtual Result<Endpoints> hand_over(bool run);
    // A transcript of the agent's channel.
    [[nodiscard]] virtual std::string agent_transcript() = 0;
    [[nodiscard]] virtual Accelerator accelerator() const = 0;
    // QEMU's process, 0 where the backend has none here. For tests that kill it.
    [[nodiscard]] virtual int process_id() const = 0;
};

// Makes machines. Thread-safe.
class Host {
public:
    virtual ~Host() = default;
    [[nodiscard]] virtual std::string name() const = 0;
    // Part of the key of saved guests: a guest saved by one version is not restored by another.
    virtual Result<std::string> version(const Bench& bench) = 0;
    // Whether its machines run on this host.
    [[nodiscard]] virtual bool is_here() const { return true; }
    // Whether who runs its machines is still there: Fault::host where not.
    virtual Status answers(Deadline) { return {}; }
    // False: no machine of it can be saved, so that each trial boots its own.
    [[nodiscard]] virtual bool keeps_guests() const { return true; }
    // A machine that stands at its reset vector.
    virtual Result<std::unique_ptr<Machine>> create(const MachineSpec& order, Deadline deadline) = 0;
    // A machine with the state that save() wrote, stopped. REQUIRES: keeps_guests().
    virtual Result<std::unique_ptr<Machine>> restore(const MachineSpec& order, const std::filesystem::path& file,
                                                     Deadline deadline) = 0;
};

// QEMU on this host.
std::unique_ptr<Host> make_qemu_backend();

// How long a machine that seems to have died is waited for to say so.
inline constexpr auto kExitPatience = std::chrono::seconds(10);

// Waits for the agent's greeting of a machine just started; says how it ended, with the console's last lines, if it does
// not come: Fault::guest if the kernel stopped (a panic ends QEMU, `panic=-1`), Fault::rig otherwise.
Result<AgentHello> await_agent(Machine& machine, Deadline deadline);

}  // namespace memrig
