#include <algorithm>
#include <functional>

#include "scenario/scenario.h"
#include "watch/roles.h"

namespace memrig {

namespace {

class RoleCasting {
public:
    explicit RoleCasting(const SymbolTable& symbols) : symbols_(symbols) {}

    // Replaces a role by the function that plays it.
    void cast(std::string& word) {
        if (find_role(word) == nullptr) return;
        if (auto player = player_of(word, symbols_)) word = *std::move(player);
        else if (lacking_.empty()) lacking_ = word;
    }
    void cast(std::vector<std::string>& words) {
        for (auto& word : words) cast(word);
    }
    // One of the words is enough: those that nobody plays are left out, unless it is all of them.
    void cast_any(std::vector<std::string>& words) {
        const auto nobody = [&](const std::string& word) {
            return find_role(word) != nullptr && !player_of(word, symbols_);
        };
        if (std::ranges::any_of(words, std::not_fn(nobody))) std::erase_if(words, nobody);
        cast(words);
    }
    [[nodiscard]] Status outcome() const {
        if (lacking_.empty()) return {};
        return fail(Fault::guest, "this kernel has no {}: {}", lacking_, why_not_played(lacking_));
    }

private:
    const SymbolTable& symbols_;
    std::string lacking_;  // the first role that nobody plays
};

}  // namespace

Status cast_roles(Scenario& scenario, const SymbolTable& symbols) {
    RoleCasting roles(symbols);
    for (auto& actor : scenario.schedule.actors) roles.cast_any(actor.entry);
    for (auto& step : scenario.schedule.steps) {
        roles.cast(step.at);
        for (auto& evidence : step.any) roles.cast(evidence.subject);
    }
    roles.cast(scenario.points);
    for (auto& arm : scenario.arms) {
        for (auto& elision : arm.elisions) {
            roles.cast(elision.lock);
            roles.cast(elision.unlock);
            roles.cast_any(elision.callers);
        }
        for (auto& override : arm.overrides) {
            roles.cast(override.function);
            roles.cast_any(override.callers);
        }
        for (auto& replacement : arm.replacements) {
            roles.cast(replacement.function);
            roles.cast(replacement.by);
            roles.cast_any(replacement.callers);
        }
        for (auto& failure : arm.failures) {
            roles.cast(failure.function);
            roles.cast(failure.path);
        }
        for (auto& insertion : arm.insertions) {
            roles.cast(insertion.before);
            roles.cast(insertion.calls);
            roles.cast_any(insertion.callers);
        }
    }
    return roles.outcome();
}

}  // namespace memrig
