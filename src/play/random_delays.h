// Random delays: the actors of a race run at the same time, and sleep now and then for a random time. It is the
// scheduling by chance that a race by priorities is compared with.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "play/cast.h"

namespace memrig {

// Not thread-safe; everything it is given must outlive it. The watches stay until the conductor's end.
class RandomDelays {
public:
    RandomDelays(Cast& cast, Conductor& conductor, const SymbolTable& symbols, std::uint64_t seed)
        : cast_(cast), conductor_(conductor), symbols_(symbols), random_(seed) {}

    // Fault::guest where the kernel has no msleep(). Points that the kernel has no function for are left out.
    Status watch(const std::vector<std::string>& points);

private:
    Result<Response> at_point(const Arrival& arrival);

    Cast& cast_;
    Conductor& conductor_;
    const SymbolTable& symbols_;
    std::mt19937_64 random_;
    std::map<std::uint64_t, unsigned> parks_left_;  // by task
};

}  // namespace memrig
