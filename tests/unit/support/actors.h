// Actors and schedules made by hand, for the tests of goals and of casting.
#pragma once

#include <string>
#include <vector>

#include "schedule/schedule.h"

namespace memrig::samples {

inline Actor actor(const std::string& name, ActorKind kind, const std::string& value = "") {
    Actor made;
    made.name = name;
    made.kind = kind;
    made.value = value;
    return made;
}

// Each actor begins; where its name is followed by '.', it also finishes before the next one does.
inline Schedule in_order(std::vector<Actor> actors, const std::vector<std::string>& steps) {
    Schedule schedule;
    schedule.actors = std::move(actors);
    for (std::string step : steps) {
        const bool finishes = step.ends_with('.');
        if (finishes) step.pop_back();
        schedule.steps.push_back({StepKind::start, step, {}, false, {}});
        if (finishes) schedule.steps.push_back({StepKind::finish, step, {}, false, {}});
    }
    schedule.steps.push_back({});
    return schedule;
}

}  // namespace memrig::samples
