#include "oracle/refusals.h"

#include <algorithm>

#include <fmt/format.h>

namespace memrig {

bool expects_refusals(const Schedule& schedule) {
    return std::ranges::any_of(schedule.actors, [](const Actor& actor) { return !actor.refusals.empty(); });
}

std::vector<std::string> unexpected_answers(const Schedule& schedule, const Performance& performance) {
    std::vector<std::string> wrong;
    for (const auto& [name, answer] : performance.answers)
        if (const Actor* actor = schedule.find(name); actor != nullptr && !actor->expects_answer(answer))
            wrong.push_back(fmt::format("{}: {}, not {}", name, answer, actor->expected_answer()));
    return wrong;
}

std::optional<std::string> refusals_that_came(const Schedule& schedule, const Performance& performance) {
    std::string text;
    for (const auto& actor : schedule.actors) {
        if (actor.refusals.empty()) continue;
        const auto answer = performance.answers.find(actor.name);
        if (answer == performance.answers.end() || !actor.expects_answer(answer->second)) return std::nullopt;
        text += fmt::format("{}{} was refused: {}", text.empty() ? "" : "; ", actor.name, answer->second);
    }
    return text;
}

}  // namespace memrig
