// Finds what hotplug leaves behind, by comparing what exists in QEMU and in the guest at several moments.
#pragma once

#include <cstdint>
#include <map>
#include <span>
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

// Returns the names of the counters that grew from each footprint to the next by at least one for each round between
// them. A leak in every round cannot grow by less. Empty if there are fewer than two footprints.
std::vector<std::string> growing(std::span<const Footprint> footprints);

// Returns one line for each thing that has drifted: a fact that differs from the first footprint in a later one, or a
// counter that is growing() in all footprints. A counter grows by chance, too, so it is told only if there are at least
// `least` footprints.
std::vector<std::string> drift(const std::vector<Footprint>& footprints, std::size_t least);

// Returns one line for each counter that is growing() in the first `suspected` footprints, and is not in all.
std::vector<std::string> stopped_growing(const std::vector<Footprint>& footprints, std::size_t suspected);

// Returns the counters that differ, as "kmalloc-64 120 -> 123", in one line; "" if none does.
std::string changes(const Footprint& before, const Footprint& after);

}  // namespace memrig
