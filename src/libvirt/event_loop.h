// Runs libvirt's default event loop on a thread of its own.
#pragma once

#include "base/clock.h"
#include "base/error.h"

namespace memrig {

// Starts the loop; later calls do nothing. The thread lives as long as the process. Thread-safe. REQUIRES: there is no
// connection yet at the first call.
Status start_event_loop();

// Waits until the loop has called everything that was due when this was called. REQUIRES: this is not the loop's own
// thread.
Status pass_event_loop(Deadline deadline);

}  // namespace memrig
