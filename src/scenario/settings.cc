#include <algorithm>

#include "scenario/scenario.h"

namespace memrig {

Status apply_setting(Scenario& scenario, const std::string& setting) {
    const std::size_t dot = setting.find('.');
    const std::size_t equals = setting.find('=');
    if (dot == std::string::npos || equals == std::string::npos || equals < dot)
        return fail(Fault::user_input, "\"{}\" is no setting: actor.key=value", setting);
    const std::string name = setting.substr(0, dot);
    const std::string key = setting.substr(dot + 1, equals - dot - 1);
    const std::string value = setting.substr(equals + 1);
    const auto actor = std::ranges::find(scenario.schedule.actors, name, &Actor::name);
    if (actor == scenario.schedule.actors.end())
        return fail(Fault::user_input, "scenario {} has no actor \"{}\"", scenario.name, name);
    if (key == "size" && actor->kind == ActorKind::plugger && !actor->is_thread()) {
        const auto bytes = parse_size(value);
        if (!bytes || *bytes == 0) return fail(Fault::user_input, "\"{}\" is no size: 128M, 1G", value);
        actor->bytes = *bytes;
        return {};
    }
    if (key != "attribute" || !actor->is_thread() || actor->writes_to_one_file())
        return fail(Fault::user_input, "actor {} has no setting \"{}\"", name, key);
    if (std::ranges::find(actor->attributes, value) == actor->attributes.end())
        return fail(Fault::user_input, "scenario {} does not offer {}.{}={}", scenario.name, name, key, value);
    actor->attributes = {value};
    return {};
}

}  // namespace memrig
