// Arming: the rig does known things in a guest before its trials, and checks that each watcher reports exactly these.
#pragma once

#include <filesystem>
#include <memory>

#include "machine/guest_store.h"
#include "run/trial.h"
#include "watch/armament.h"

namespace memrig {

// Arms one guest: begins it, writes to a block that is online already, takes one block offline and back, and ends it.
// Takes a few seconds. The armament also tells what the guest did not show: that is no error. `evidence` is for
// MachineSpec::evidence. Fails only with Fault::rig, Fault::host or Fault::interrupted. Thread-safe for different
// guests.
Result<Armament> arm_guest(Host& host, const std::shared_ptr<const PreparedGuest>& guest,
                           const std::filesystem::path& evidence = {});

// Returns the armament of a guest in the cache, and arms the guest if there is none, or if another build of memrig made
// it. Safe against other threads and processes (one file lock for each guest).
Result<Armament> armament_of(Host& host, const std::shared_ptr<const PreparedGuest>& guest);

// Gives the trial the armament of its guest, and writes it to arming.json in the trial's directory. In free mode
// nothing is watched that would have to be armed. Fault::guest for a guest whose locks the rig does not see: each step
// that awaits a lock would wait for nothing. But a guest that could not be armed at all is played with: it may have
// crashed, as it then will again. Else as armament_of().
Status arm_trial(Host& host, TrialSpec& spec);

}  // namespace memrig
