// Arming: the rig does known things in a guest before its trials, and checks that each watcher reports exactly these.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "hotplug/accounting.h"
#include "machine/guest_store.h"
#include "run/trial.h"
#include "watch/armament.h"

namespace memrig {

struct ArmedGuest {
    Armament armament;
    // The memory with which each machine begins that is restored from the guest. Nothing if guests are not kept.
    std::optional<MemorySnapshot> before = {};
};

// Arms one guest: begins it, writes to a block that is online already, takes one block offline and back, and ends it.
// Takes a few seconds. The armament also tells what the guest did not show: that is no error. `evidence` is for
// MachineSpec::evidence. Fails only with Fault::rig, Fault::host or Fault::interrupted. Thread-safe for different
// guests.
Result<ArmedGuest> arm_guest(Host& host, const std::shared_ptr<const PreparedGuest>& guest,
                             const std::filesystem::path& evidence = {});

// Returns what arming told of a guest in the cache, and arms the guest if there is none, or if another build of memrig
// made it. Safe against other threads and processes (one file lock for each guest).
Result<ArmedGuest> armed_guest(Host& host, const std::shared_ptr<const PreparedGuest>& guest);

// Gives the trial what arming told of its guest, and writes it to arming.json in the trial's directory. In free mode
// nothing is watched that would have to be armed. Fault::guest for a guest whose locks the rig does not see: each step
// that awaits a lock would wait for nothing. But a guest that could not be armed at all is played with: it may have
// crashed, as it then will again. Else as armed_guest().
Status arm_trial(Host& host, TrialSpec& spec);

}  // namespace memrig
