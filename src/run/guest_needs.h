// Tells before the first trial whether the guest has what the actors of a schedule need of it.
#pragma once

#include "machine/guest_store.h"
#include "schedule/schedule.h"

namespace memrig {

// Fault::guest, which names the first actor that lacks something, and what it lacks.
Status check_needs(const Schedule& schedule, const PreparedGuest& guest);

}  // namespace memrig
