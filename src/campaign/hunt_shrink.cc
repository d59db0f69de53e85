#include "campaign/hunt_shrink.h"

#include <algorithm>

namespace memrig {

namespace {

constexpr std::size_t kFewestRacers = 2;

void drop_actor(HuntCase& one, const std::string& name) {
    std::erase_if(one.racers, [&](const HuntActor& actor) { return actor.name == name; });
    // An onliner of what it plugs would wait for ever.
    std::erase_if(one.racers, [&](const HuntActor& actor) { return actor.needs() == name; });
    if (one.switches)
        std::erase_if(*one.switches, [&](const Switch& taken) { return taken.actor == name || taken.to == name; });
}

}  // namespace

HuntCase with_switches(HuntCase one, const Interleaving& taken) {
    std::vector<std::string> order;
    const auto add = [&](const std::string& name) {
        if (std::ranges::find(order, name) == order.end()) order.push_back(name);
    };
    for (const auto& each : taken) {
        add(each.actor);
        add(each.to);
    }
    std::ranges::stable_sort(
        one.racers, {}, [&](const HuntActor& actor) { return std::ranges::find(order, actor.name) - order.begin(); });
    one.switches = taken;
    return one;
}

std::vector<HuntCase> smaller_cases(const HuntCase& one) {
    std::vector<HuntCase> smaller;
    for (const auto& actor : one.racers) {
        HuntCase fewer = one;
        drop_actor(fewer, actor.name);
        if (fewer.racers.size() >= kFewestRacers) smaller.push_back(std::move(fewer));
    }
    for (std::size_t i = 0; one.switches && i < one.switches->size(); i++) {
        HuntCase fewer = one;
        fewer.switches->erase(fewer.switches->begin() + static_cast<std::ptrdiff_t>(i));
        smaller.push_back(std::move(fewer));
    }
    if (one.onlined) {
        smaller.push_back(one);
        smaller.back().onlined.reset();
        smaller.back().load = false;
    }
    if (one.load) {
        smaller.push_back(one);
        smaller.back().load = false;
    }
    if (one.size != "128M") {
        smaller.push_back(one);
        smaller.back().size = "128M";
    }
    return smaller;
}

Result<Shrunk> shrunk(const HuntCase& one, unsigned most,
                      const std::function<Result<bool>(const HuntCase&)>& convicts) {
    Shrunk result{one, 0};
    for (bool smaller = true; smaller;) {
        smaller = false;
        for (const auto& candidate : smaller_cases(result.smallest)) {
            if (result.attempts >= most) return result;
            result.attempts++;
            MEMRIG_TRY(smaller, convicts(candidate));
            if (!smaller) continue;
            result.smallest = candidate;
            break;
        }
    }
    return result;
}

}  // namespace memrig
