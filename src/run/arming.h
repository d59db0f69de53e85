// Arming: the rig does known things in a guest before its trials, and checks that each watcher reports exactly these.
#pragma once

#include <filesystem>
#include <memory>

#include "machine/guest_store.h"
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

}  // namespace memrig
