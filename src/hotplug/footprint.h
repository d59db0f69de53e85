// What hotplug leaves behind: all that is there in QEMU and in the guest at one moment, to be compared with another.
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
    unsigned round = 0;  // after which it was taken
    // What has to be the same to the letter: QEMU's objects and devices, /proc/iomem, the memory blocks, the pages of each zone, MemTotal.
    std::map<std::string, std::string> facts;
    // What other work of the guest's moves, too: the objects in each slab cache, the lowest of several looks.
    std::map<std::string, std::uint64_t> counters;
};

// The guest must run.
Result<Footprint> take_footprint(QmpClient& qmp, GuestLink& guest, Deadline deadline);

// Each line is one thing that has drifted from the first to the last: a fact that was another in between or at the end, or a counter that has
// grown from each footprint to the next by one or more for each round between them. What is left behind in each round cannot grow by less;
// what grows by chance does not do so in every stretch.
std::vector<std::string> drift(const std::vector<Footprint>& footprints);

}  // namespace memrig
