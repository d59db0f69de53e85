#include "scenario/sweep_scenario.h"

#include <algorithm>
#include <sstream>

#include <toml++/toml.h>

#include "base/assert.h"

namespace memrig {

namespace {

constexpr const char* kFaultArm = "fault";

bool can_be_swept(const Actor& actor) {
    if (!actor.expects_success()) return false;
    switch (actor.kind) {
        case ActorKind::adder:
        case ActorKind::onliner:
        case ActorKind::offliner:
        case ActorKind::prober:
        case ActorKind::resizer:
        case ActorKind::remover: return true;
        case ActorKind::vcpu_plugger:  // a check does not look at vCPUs
        case ActorKind::vcpu_onliner:
        case ActorKind::writer:
        case ActorKind::file_writer:
        case ActorKind::file_reader:
        case ActorKind::filler:
        case ActorKind::pinner: break;
    }
    return false;
}

// True if the driver itself tries again what failed.
bool driver_retries(const Actor& actor) { return actor.device == MemoryDevice::virtio_mem && !actor.is_thread(); }

std::vector<std::string> in_order_of_start(const Schedule& schedule) {
    std::vector<std::string> names;
    for (const auto& step : schedule.steps)
        for (const auto& name : step.started()) names.push_back(name);
    return names;
}

Result<toml::table> table_of(const Scenario& scenario) {
    if (scenario.schedule.is_loop())
        return fail(Fault::user_input, "scenario {} is a loop, which cannot be swept", scenario.name);
    if (sweepable_actors(scenario).empty())
        return fail(Fault::user_input, "scenario {} has no actor whose calls could be made to fail", scenario.name);
    try {
        return toml::parse(scenario.text);
    } catch (const toml::parse_error& error) {
        return fail(Fault::user_input, "scenario {} is not TOML: {}", scenario.name, error.description());
    }
}

toml::table step(const char* key, const std::string& actor) { return toml::table{{key, actor}}; }
toml::table step(const char* key) { return toml::table{{key, true}}; }

std::string text_of(const toml::table& table) {
    std::ostringstream text;
    text << table << '\n';
    return text.str();
}

// Removes all that makes sense only with the order of the scenario's own steps.
void forget_steps(toml::table& root) {
    for (const char* key : {"step", "kills", "lock_order", "rests-on", "explore"}) root.erase(key);
    for (auto&& [name, actor] : *root["actor"].as_table())
        if (actor.is_table()) actor.as_table()->erase("trigger");
}

// Copies an actor into one that does the same once more. False if there is nothing that it could do.
bool add_retry(toml::table& actors, const Actor& actor, const std::string& name) {
    if (driver_retries(actor) || (actor.is_thread() && actor.writes_to_one_file())) return false;
    toml::table again = *actors[actor.name].as_table();
    switch (actor.kind) {
        case ActorKind::adder: again.insert_or_assign("id", actor.device_id + "-again"); break;
        case ActorKind::onliner:
        case ActorKind::offliner:
            for (const char* key : {"value", "zone", "expect"}) again.erase(key);
            // For this attribute, a block that is online already is a success.
            again.insert_or_assign("attribute", "online");
            break;
        case ActorKind::remover: break;
        default: return false;
    }
    again.insert_or_assign("again", actor.name);
    actors.insert_or_assign(name, std::move(again));
    return true;
}

toml::array strings(const std::vector<std::string>& words) {
    toml::array list;
    for (const auto& word : words) list.push_back(word);
    return list;
}

toml::table failure_table(const FailureSpec& failure) {
    return toml::table{{"actor", failure.actor},
                       {"function", failure.function},
                       {"path", strings(failure.path)},
                       {"nth", static_cast<std::int64_t>(failure.nth)},
                       {"value", static_cast<std::int64_t>(failure.value)}};
}

toml::table arms_of(const std::vector<FailureSpec>& failures, const std::string& purpose, const std::string& expected) {
    const toml::table control{{"purpose", "the kernel as shipped, and no call fails"}, {"expect", "held"}};
    toml::array calls;
    for (const auto& failure : failures) calls.push_back(failure_table(failure));
    const toml::table fault{{"purpose", purpose}, {"expect", strings({expected})}, {"fail", std::move(calls)}};
    return toml::table{{"control", control}, {kFaultArm, fault}};
}

}  // namespace

std::vector<std::string> sweepable_actors(const Scenario& scenario) {
    std::vector<std::string> names;
    for (const auto& name : in_order_of_start(scenario.schedule))
        if (can_be_swept(scenario.schedule.actor(name))) names.push_back(name);
    return names;
}

Result<std::string> sequential_scenario(const Scenario& scenario) {
    MEMRIG_TRY(toml::table root, table_of(scenario));
    forget_steps(root);
    toml::array steps;
    for (const auto& name : in_order_of_start(scenario.schedule)) {
        steps.push_back(step("start", name));
        steps.push_back(step("finish", name));
        steps.push_back(step("check"));
    }
    steps.push_back(step("settle"));
    root.insert("step", std::move(steps));
    return text_of(root);
}

Result<std::string> failing_scenario(const Scenario& scenario, const std::vector<FailureSpec>& failures,
                                     const std::string& purpose, const std::string& expected) {
    MEMRIG_ASSERT(!failures.empty(), "a call fails");
    MEMRIG_TRY(toml::table root, table_of(scenario));
    forget_steps(root);
    const Actor& actor = scenario.schedule.actor(failures.front().actor);
    toml::table& actors = *root["actor"].as_table();
    const std::string again = "again";
    toml::array steps;
    std::vector<std::string> acting;
    for (const auto& name : in_order_of_start(scenario.schedule)) {
        acting.push_back(name);
        steps.push_back(step("start", name));
        steps.push_back(step("finish", name));
        if (name == actor.name) break;
    }
    for (const auto& other : scenario.schedule.actors)
        if (std::ranges::find(acting, other.name) == acting.end()) actors.erase(other.name);
    if (!driver_retries(actor)) actors[actor.name].as_table()->insert_or_assign("may-fail", true);
    steps.push_back(step("check"));
    if (add_retry(actors, actor, again)) {
        actors[again].as_table()->erase("may-fail");
        steps.push_back(step("start", again));
        steps.push_back(step("finish", again));
    }
    steps.push_back(step("settle"));
    root.insert("step", std::move(steps));
    root.insert_or_assign("trials", 1);
    root.insert_or_assign("arm", arms_of(failures, purpose, expected));
    return text_of(root);
}

}  // namespace memrig
