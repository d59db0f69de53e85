// libvirt's default event loop, on a thread of its own.
#pragma once

#include "base/clock.h"
#include "base/error.h"

namespace memrig {

// Before the first connection; later calls do nothing. The thread lives as long as the process. Thread-safe.
Status start_event_loop();

// Waits until the loop has called all that was due when this was called. Not from the loop's own thread.
Status pass_event_loop(Deadline deadline);

}  // namespace memrig
