// Finds what hotplug leaves behind, by comparing what exists in QEMU and in the guest at several moments.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "guest/guest_link.h"
#include "qmp/qmp_client.h"

namespace memrig {

struct Footprint {
    unsigned round = 0;  // the footprint was taken after this round
    // These must stay the same to the letter: QEMU's objects and devices, /proc/iomem, the memory blocks, the pages of
    // each zone, MemTotal.
    std::map<std::string, std::string> facts;
    // Other work of the guest changes these, too: the objects in each slab cache, the lowest count of several looks.
    std::map<std::string, std::uint64_t> counters;
};

// REQUIRES: the guest runs.
Result<Footprint> take_footprint(QmpClient& qmp, GuestLink& guest, Deadline deadline);

// Returns one line for each thing that has drifted: a fact that differs from the first footprint in a later one, or a
// counter that grew from each footprint to the next by at least one for each round between them. A leak in every round
// cannot grow by less. A counter that grows by chance does not do so in every stretch.
std::vector<std::string> drift(const std::vector<Footprint>& footprints);

}  // namespace memrig
