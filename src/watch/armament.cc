#include "watch/armament.h"

#include <algorithm>

#include "base/assert.h"

namespace memrig {

namespace {

using State = WatcherReport::State;

template <class Value, class Values>
std::optional<Value> named(const Values& values, const std::string& name) {
    for (const Value value : values)
        if (name == to_string(value)) return value;
    return std::nullopt;
}

nlohmann::json layout_json(const MemoryLayout& layout) {
    return {{"zones_at", layout.zones_at},
            {"zone_bytes", layout.zone_bytes},
            {"zones", layout.zones},
            {"first_added", layout.first_added},
            {"zone_figures", layout.zone_figures},
            {"node_figures", layout.node_figures}};
}

MemoryLayout layout_of(const nlohmann::json& json) {
    MemoryLayout layout;
    json.at("zones_at").get_to(layout.zones_at);
    json.at("zone_bytes").get_to(layout.zone_bytes);
    json.at("zones").get_to(layout.zones);
    json.at("first_added").get_to(layout.first_added);
    json.at("zone_figures").get_to(layout.zone_figures);
    json.at("node_figures").get_to(layout.node_figures);
    return layout;
}

}  // namespace

const char* to_string(Watcher watcher) {
    switch (watcher) {
        case Watcher::clocks: return "clocks";
        case Watcher::stacks: return "stacks";
        case Watcher::mutexes: return "mutexes";
        case Watcher::rwsems: return "rwsems";
        case Watcher::paths: return "paths";
        case Watcher::figures: return "figures";
        case Watcher::notices: return "notices";
    }
    return "?";
}

const char* to_string(WatcherReport::State state) {
    switch (state) {
        case State::armed: return "armed";
        case State::unarmed: return "not armed";
        case State::not_exercised: return "not exercised";
    }
    return "?";
}

const std::vector<Watcher>& all_watchers() {
    static const std::vector<Watcher> watchers = {Watcher::clocks, Watcher::stacks,  Watcher::mutexes, Watcher::rwsems,
                                                  Watcher::paths,  Watcher::figures, Watcher::notices};
    return watchers;
}

const WatcherReport& Armament::of(Watcher watcher) const {
    static const WatcherReport none;
    const auto found = reports.find(watcher);
    return found == reports.end() ? none : found->second;
}

std::vector<Watcher> watchers_of(const std::string& rule) {
    if (rule == "R1" || rule == "R2" || rule == "R3" || rule == "R7" || rule == "R9")
        return {Watcher::stacks, Watcher::mutexes};
    if (rule == "R10") return {Watcher::stacks, Watcher::rwsems, Watcher::figures};
    if (rule == "R4") return {Watcher::stacks, Watcher::rwsems};
    if (rule == "R5" || rule == "R8") return {Watcher::stacks};
    if (rule.starts_with("N")) return {Watcher::stacks, Watcher::notices};
    return {Watcher::stacks, Watcher::mutexes, Watcher::rwsems};
}

std::string why_unarmed(const Armament& armament, const std::string& rule) {
    for (const Watcher watcher : watchers_of(rule))
        if (armament.is_unarmed(watcher)) return fmt::format("{}: {}", to_string(watcher), armament.of(watcher).why);
    return {};
}

nlohmann::json armament_json(const Armament& armament) {
    nlohmann::json json = {{"stack_bytes", armament.stack_bytes}, {"watchers", nlohmann::json::object()}};
    if (armament.owner_offset) json["owner_offset"] = *armament.owner_offset;
    if (armament.device_lock_offset) json["device_lock_offset"] = *armament.device_lock_offset;
    if (!armament.devices.empty()) json["devices"] = armament.devices;
    if (armament.layout) json["layout"] = layout_json(*armament.layout);
    if (!armament.failure.empty()) json["failure"] = armament.failure;
    for (const auto& [watcher, report] : armament.reports)
        json["watchers"][to_string(watcher)] = {{"state", to_string(report.state)}, {"why", report.why}};
    return json;
}

Result<Armament> read_armament(const std::string& text) {
    const auto damaged = [] { return fail(Fault::host, "a guest's armament is damaged"); };
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) return damaged();
    try {
        Armament armament;
        armament.stack_bytes = json.at("stack_bytes").get<std::uint64_t>();
        if (json.contains("owner_offset")) armament.owner_offset = json.at("owner_offset").get<std::uint64_t>();
        if (json.contains("device_lock_offset"))
            armament.device_lock_offset = json.at("device_lock_offset").get<std::uint64_t>();
        if (json.contains("devices")) json.at("devices").get_to(armament.devices);
        if (json.contains("layout")) armament.layout = layout_of(json.at("layout"));
        if (json.contains("failure")) armament.failure = json.at("failure").get<std::string>();
        for (const auto& [name, report] : json.at("watchers").items()) {
            const auto watcher = named<Watcher>(all_watchers(), name);
            const auto state = named<State>(std::vector{State::armed, State::unarmed, State::not_exercised},
                                            report.at("state").get<std::string>());
            if (!watcher || !state) return damaged();
            armament.reports[*watcher] = {*state, report.at("why").get<std::string>()};
        }
        return armament;
    } catch (const nlohmann::json::exception&) {
        return damaged();
    }
}

}  // namespace memrig
