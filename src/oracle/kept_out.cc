#include "oracle/kept_out.h"

#include <algorithm>

namespace memrig {

bool asks_for(const Step& step, const Observation& evidence) {
    return std::ranges::any_of(
        step.any, [&](const Observation& one) { return evidence.kind == one.kind && evidence.subject == one.subject; });
}

const EvidenceRecord* seen_under_hold(const TrialEvidence& evidence, const Step& step) {
    for (const auto& record : evidence.performance.evidence) {
        if (asks_for(step, record.evidence) && record.actor == step.actor && !record.during.empty()) return &record;
    }
    return nullptr;
}

bool was_kept_out(const TrialEvidence& evidence) {
    const auto saw = [&](const Step& step, Observation::Kind kind) {
        return std::ranges::any_of(evidence.performance.evidence, [&](const EvidenceRecord& record) {
            return record.evidence.kind == kind && record.actor == step.actor && !record.during.empty() &&
                   asks_for(step, record.evidence);
        });
    };
    return std::ranges::any_of(evidence.schedule.steps, [&](const Step& step) {
        // `blocked` alone does not prove that the actor waits if the step also asks for a refusal or a sleep.
        const bool asks_for_more =
            step.asks_for(Observation::Kind::refused) || step.asks_for(Observation::Kind::asleep);
        const bool waited = saw(step, Observation::Kind::queued) || saw(step, Observation::Kind::asleep) ||
                            saw(step, Observation::Kind::stalled) ||
                            (!asks_for_more && saw(step, Observation::Kind::blocked));
        return (saw(step, Observation::Kind::refused) || waited) && !saw(step, Observation::Kind::entered);
    });
}

}  // namespace memrig
