#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/ranges.h>

#include "scenario/actor_reader.h"
#include "scenario/scenario.h"
#include "scenario/schedule_reader.h"

namespace memrig {

namespace {

constexpr std::array<std::string_view, 3> kVetoers = {"probe", "kernel", "nobody"};  // in the order of VetoSpec::By

Status set_size(Actor& actor, const std::string& value) {
    const auto bytes = parse_size(value);
    if (!bytes || *bytes == 0) return fail(Fault::user_input, "\"{}\" is no size: 128M, 1G", value);
    actor.bytes = *bytes;
    return {};
}

Status set_node(Actor& actor, const std::string& value) {
    int node = -1;
    const char* end = value.data() + value.size();
    const auto [at, code] = std::from_chars(value.data(), end, node);
    if (code != std::errc() || at != end || node < 0 || node > kMostNodes)
        return fail(Fault::user_input, "\"{}\" is no node: 0 to {}", value, kMostNodes);
    actor.node = node;
    return {};
}

Status set_device_id(Actor& actor, const std::string& value) {
    if (!is_device_id(value)) return fail(Fault::user_input, "\"{}\" is not a device id: {}", value, kDeviceIdRule);
    actor.device_id = value;
    return {};
}

// drivers/base/memory.c, online_type_to_str[].
Status set_online_value(Actor& actor, const std::string& value) {
    static constexpr std::array values = {"online", "online_kernel", "online_movable"};
    if (actor.attributes != std::vector<std::string>{"state"})
        return fail(Fault::user_input, "actor {} does not write to the attribute state alone", actor.name);
    if (std::ranges::find(values, value) == values.end())
        return fail(Fault::user_input, "\"{}\" is not {}", value, fmt::join(values, ", "));
    actor.value = value;
    return {};
}

Status set_rounds(Schedule& schedule, const std::string& value) {
    unsigned rounds = 0;
    const auto* end = value.data() + value.size();
    const auto [at, code] = std::from_chars(value.data(), end, rounds);
    const unsigned least = schedule.warm_up + kStretches;
    if (code != std::errc() || at != end || rounds < least || rounds > kMostRounds)
        return fail(Fault::user_input, "\"{}\" is not a valid number of rounds: {} to {}, {} of them for the warm-up",
                    value, least, kMostRounds, schedule.warm_up);
    schedule.rounds = rounds;
    return {};
}

}  // namespace

Status apply_setting(Scenario& scenario, const std::string& setting) {
    const std::size_t dot = setting.find('.');
    const std::size_t equals = setting.find('=');
    if (dot == std::string::npos || equals == std::string::npos || equals < dot)
        return fail(Fault::user_input, "\"{}\" is no setting: actor.key=value", setting);
    const std::string name = setting.substr(0, dot);
    const std::string key = setting.substr(dot + 1, equals - dot - 1);
    const std::string value = setting.substr(equals + 1);
    if (name == "veto" && key == "by" && scenario.veto) {
        const auto by = std::ranges::find(kVetoers, value);
        if (by == kVetoers.end()) return fail(Fault::user_input, "\"{}\" is not probe, kernel or nobody", value);
        const auto vetoer = static_cast<VetoSpec::By>(by - kVetoers.begin());
        if (vetoer == VetoSpec::By::kernel && scenario.veto->after > 0)
            return fail(Fault::user_input,
                        "the kernel's error injector cannot let notices through first, as this veto's \"after\" asks");
        scenario.veto->by = vetoer;
        return {};
    }
    if (name == "loop" && key == "rounds" && scenario.schedule.is_loop()) return set_rounds(scenario.schedule, value);
    const auto actor = std::ranges::find(scenario.schedule.actors, name, &Actor::name);
    if (actor == scenario.schedule.actors.end())
        return fail(Fault::user_input, "scenario {} has no actor \"{}\"", scenario.name, name);
    const bool plugs = actor->kind == ActorKind::adder && !actor->is_thread();
    const bool has_id = plugs ? actor->plugs_device() : actor->kind == ActorKind::remover && !actor->is_thread();
    if (key == "size" && (plugs || actor->kind == ActorKind::filler)) return set_size(*actor, value);
    if (key == "node" && plugs) return set_node(*actor, value);
    if (key == "keeps" && actor->kind == ActorKind::pinner) {
        if (value != "page" && value != "nothing")
            return fail(Fault::user_input, "\"{}\" is neither page nor nothing", value);
        actor->keeps = value == "page";
        return {};
    }
    if (key == "value" && actor->kind == ActorKind::onliner) return set_online_value(*actor, value);
    if (key == "id" && has_id) return set_device_id(*actor, value);
    if (key != "attribute" || !actor->is_thread() || actor->writes_to_one_file())
        return fail(Fault::user_input, "actor {} has no setting \"{}\"", name, key);
    if (std::ranges::find(actor->attributes, value) == actor->attributes.end())
        return fail(Fault::user_input, "scenario {} does not offer {}.{}={}", scenario.name, name, key, value);
    actor->attributes = {value};
    return {};
}

}  // namespace memrig
