// The part of a sweep, a hunt, a matrix or an exploration that one process plays, so that several machines share the
// work.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace memrig {

// The shard `number` of `count`, both from 1.
struct Shard {
    unsigned number = 1, count = 1;
    auto operator<=>(const Shard&) const = default;
    [[nodiscard]] std::string text() const;  // "3/8"
};

// More shards than this are refused: more than any array job of a cluster has tasks.
inline constexpr unsigned kMostShards = 1'000'000;

// Reads "3/8". Fault::user_input if the text is not a shard.
Result<Shard> parse_shard(const std::string& text);

// Units of work, from 0: `begin` is the first one, `end` is behind the last one.
struct UnitRange {
    std::uint64_t begin = 0, end = 0;
    [[nodiscard]] std::uint64_t size() const { return end - begin; }
    [[nodiscard]] bool contains(std::uint64_t unit) const { return unit >= begin && unit < end; }
};
// Returns the shard's part of `all` units. The shards of a count have each unit once, and differ by at most one unit. A
// pure function. REQUIRES: the shard's number is from 1 to its count.
UnitRange units_of(Shard shard, std::uint64_t all);

// The part that a run plays. The units are the cases of a sweep or a hunt, the cells of a matrix, or, in explore mode,
// the orders of all arms that have one switch, each with all orders that branch off from it.
struct Portion {
    enum class Kind {
        whole,
        // Only what comes before the units: the recording of a sweep, the first order of each explored arm.
        opening,
        // The units of `shard`. The journals and plans of an opening must be in the run's directory.
        shard,
        // No unit: the run reads the journals that are in its directory, and plays nothing. A rig fault is a result,
        // and is not played again.
        nothing
    };
    Kind kind = Kind::whole;
    Shard shard = {};
};

}  // namespace memrig
