#include "schedule/schedule.h"

#include <algorithm>

#include <fmt/format.h>

namespace memrig {

std::string Evidence::text() const {
    const char* verb = kind == Kind::refused ? "refused" : kind == Kind::entered ? "entered" : "blocked";
    return fmt::format("{} {}", verb, subject);
}

std::optional<Evidence> parse_evidence(const std::string& text) {
    const std::size_t space = text.find(' ');
    if (space == std::string::npos || space + 1 == text.size() || text.find(' ', space + 1) != std::string::npos)
        return std::nullopt;
    const std::string verb = text.substr(0, space);
    const std::string subject = text.substr(space + 1);
    if (verb == "refused") return Evidence{Evidence::Kind::refused, subject};
    if (verb == "entered") return Evidence{Evidence::Kind::entered, subject};
    if (verb == "blocked") return Evidence{Evidence::Kind::blocked, subject};
    return std::nullopt;
}

std::string Step::text() const {
    switch (kind) {
        case StepKind::start: return "start " + actor;
        case StepKind::hold: return fmt::format("hold {} at {}{}", actor, at, memory_block ? " of a memory block" : "");
        case StepKind::release: return "release " + actor;
        case StepKind::settle: return "settle";
        case StepKind::await: break;
    }
    std::string text = "await " + actor + ":";
    for (std::size_t i = 0; i < any.size(); i++) text += (i == 0 ? " " : ", or ") + any[i].text();
    return text;
}

const Actor* Schedule::find(const std::string& name) const {
    const auto found = std::ranges::find(actors, name, &Actor::name);
    return found == actors.end() ? nullptr : &*found;
}

}  // namespace memrig
