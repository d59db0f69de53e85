#include "run/portion.h"

#include <charconv>
#include <optional>

#include "base/assert.h"
#include "base/text.h"

namespace memrig {

namespace {

// The number that is all of the text. Nothing if there is anything else, or a leading 0.
std::optional<unsigned> shard_number(std::string_view text) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || text.front() == '0' || error != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

}  // namespace

std::string Shard::text() const { return fmt::format("{}/{}", number, count); }

Result<Shard> parse_shard(const std::string& text) {
    const std::size_t slash = text.find('/');
    if (slash != std::string::npos) {
        const auto number = shard_number(std::string_view(text).substr(0, slash));
        const auto count = shard_number(std::string_view(text).substr(slash + 1));
        if (number && count && *number <= *count && *count <= kMostShards) return Shard{*number, *count};
    }
    return fail(Fault::user_input, "{} is not a shard such as 3/8", one_line(text));
}

UnitRange units_of(Shard shard, std::uint64_t all) {
    MEMRIG_ASSERT(shard.number >= 1 && shard.number <= shard.count, "a shard has a number from 1 to the count");
    return {all * (shard.number - 1) / shard.count, all * shard.number / shard.count};
}

}  // namespace memrig
