#include "oracle/kept_out.h"

#include <algorithm>

namespace memrig {

bool asks_for(const Step& step, const Evidence& evidence) {
    return std::ranges::any_of(
        step.any, [&](const Evidence& one) { return evidence.kind == one.kind && evidence.subject == one.subject; });
}

const EvidenceRecord* seen_under_hold(const TrialEvidence& evidence, const Step& step) {
    for (const auto& record : evidence.performance.evidence) {
        if (asks_for(step, record.evidence) && record.actor == step.actor && !record.during.empty()) return &record;
    }
    return nullptr;
}

bool was_kept_out(const TrialEvidence& evidence) {
    const auto saw = [&](const Step& step, Evidence::Kind kind) {
        return std::ranges::any_of(evidence.performance.evidence, [&](const EvidenceRecord& record) {
            return record.evidence.kind == kind && record.actor == step.actor && !record.during.empty() &&
                   asks_for(step, record.evidence);
        });
    };
    return std::ranges::any_of(evidence.schedule.steps, [&](const Step& step) {
        // Asking alone is no waiting where the step knows what else is to be seen.
        const bool asks_for_more = step.asks_for(Evidence::Kind::refused) || step.asks_for(Evidence::Kind::asleep);
        const bool waited = saw(step, Evidence::Kind::queued) || saw(step, Evidence::Kind::asleep) ||
                            saw(step, Evidence::Kind::stalled) ||
                            (!asks_for_more && saw(step, Evidence::Kind::blocked));
        return (saw(step, Evidence::Kind::refused) || waited) && !saw(step, Evidence::Kind::entered);
    });
}

}  // namespace memrig
