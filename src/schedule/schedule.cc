#include "schedule/schedule.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/assert.h"

namespace memrig {

namespace {
std::string ordinal(unsigned n) {
    MEMRIG_ASSERT(n > 0, "arrivals are counted from 1");
    const char* ending = "th";
    if (n % 100 < 11 || n % 100 > 13) ending = n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : n % 10 == 3 ? "rd" : "th";
    return fmt::format("{}{}", n, ending);
}

constexpr std::pair<std::string_view, Observation::Kind> kVerbs[] = {
    {"refused", Observation::Kind::refused}, {"entered", Observation::Kind::entered},
    {"queued", Observation::Kind::queued},   {"blocked", Observation::Kind::blocked},
    {"asleep", Observation::Kind::asleep},   {"stalled", Observation::Kind::stalled}};
}  // namespace

const char* to_string(Mode mode) {
    switch (mode) {
        case Mode::directed: return "directed";
        case Mode::free: return "free";
        case Mode::explore: return "explore";
    }
    return "?";
}

std::string Switch::text() const {
    if (forced && nth > 1) return fmt::format("{} {} for the {} time: {} goes on", actor, at, ordinal(nth), to);
    if (forced) return fmt::format("{} {}: {} goes on", actor, at, to);
    return fmt::format("at {}'s {} {}: {} goes on", actor, ordinal(nth), at, to);
}

unsigned preemptions(const Interleaving& order) {
    return static_cast<unsigned>(std::ranges::count(order, false, &Switch::forced));
}

std::string text_of(const Interleaving& order) {
    std::string text;
    for (const auto& one : order) text += (text.empty() ? "" : "; ") + one.text();
    return text.empty() ? "each as far as it can" : text;
}

std::string Observation::text() const {
    for (const auto& [verb, known] : kVerbs)
        if (known == kind) return fmt::format("{} {}", verb, subject);
    return subject;
}

std::optional<Observation> parse_evidence(const std::string& text) {
    const std::size_t space = text.find(' ');
    if (space == std::string::npos || space + 1 == text.size() || text.find(' ', space + 1) != std::string::npos)
        return std::nullopt;
    for (const auto& [verb, kind] : kVerbs)
        if (text.substr(0, space) == verb) return Observation{kind, text.substr(space + 1)};
    return std::nullopt;
}

std::optional<LockOrderClaim> parse_lock_order(const std::string& text) {
    static constexpr std::string_view between = " before ";
    const std::size_t at = text.find(between);
    if (at == std::string::npos) return std::nullopt;
    LockOrderClaim claim{text.substr(0, at), text.substr(at + between.size())};
    if (claim.first == claim.second) return std::nullopt;
    return claim;
}

std::string Step::text() const {
    switch (kind) {
        case StepKind::start: return "start " + actor;
        case StepKind::hold:
            return fmt::format("{} {} at {}{}", parked ? "park" : "hold", actor, at,
                               memory_block ? " of a memory block" : "");
        case StepKind::release: return "release " + actor;
        case StepKind::finish: return "finish " + actor;
        case StepKind::check: return "check";
        case StepKind::settle: return "settle";
        case StepKind::race: return fmt::format("race {} by {}", fmt::join(race->actors, ", "), to_string(race->by));
        case StepKind::await: break;
    }
    std::string text = "await " + actor + ":";
    for (std::size_t i = 0; i < any.size(); i++) text += (i == 0 ? " " : ", or ") + any[i].text();
    return text;
}

std::vector<std::string> Step::started() const {
    if (kind == StepKind::start) return {actor};
    return kind == StepKind::race ? race->actors : std::vector<std::string>();
}

bool Step::starts(const std::string& name) const {
    return [&] {
        const auto names = started();
        return std::ranges::find(names, name) != names.end();
    }();
}

const char* to_string(RaceBy by) {
    switch (by) {
        case RaceBy::priorities: return "priorities";
        case RaceBy::switches: return "switches";
        case RaceBy::delays: return "delays";
        case RaceBy::nobody: return "nobody";
    }
    return "?";
}

const Race* Schedule::race() const {
    const auto found = std::ranges::find(steps, StepKind::race, &Step::kind);
    return found == steps.end() ? nullptr : &*found->race;
}

const Actor* Schedule::find(const std::string& name) const {
    const auto found = std::ranges::find(actors, name, &Actor::name);
    return found == actors.end() ? nullptr : &*found;
}

const Actor& Schedule::actor(const std::string& name) const {
    const Actor* found = find(name);
    MEMRIG_ASSERT(found != nullptr, "the schedule has the actor");
    return *found;
}

std::vector<unsigned> Schedule::looks() const {
    MEMRIG_ASSERT(!is_loop() || rounds >= warm_up + kStretches, "a loop has a round for each stretch");
    std::vector<unsigned> looks;
    for (unsigned i = 0; is_loop() && i <= kStretches; i++)
        looks.push_back(warm_up + (rounds - warm_up) * i / kStretches);
    return looks;
}

bool Schedule::makes_sense_in_any_order() const {
    return !is_loop() && race() == nullptr && std::ranges::count(actors, ActorKind::adder, &Actor::kind) == 1 &&
           std::ranges::all_of(actors, [](const Actor& actor) {
               return ((actor.kind == ActorKind::adder && !actor.is_thread()) || actor.kind == ActorKind::onliner) &&
                      actor.expects_success();
           });
}

}  // namespace memrig
