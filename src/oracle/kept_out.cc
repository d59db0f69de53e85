#include "oracle/kept_out.h"

#include <algorithm>

namespace memrig {

bool asks_for(const Step& step, const Observation& evidence) {
    return std::ranges::any_of(
        step.any, [&](const Observation& one) { return evidence.kind == one.kind && evidence.subject == one.subject; });
}

namespace {

// Only an actor that is held still can keep another one out, and only by a lock that it owns. Without a ledger nobody's
// locks are known. An observation of one moment has to outlast a dwell under the hold.
bool is_exclusion(const TrialEvidence& evidence, const EvidenceRecord& record) {
    if (record.during.empty() || record.revoked) return false;
    if (is_momentary(record.evidence.kind) && !record.lasted) return false;
    const bool by_lock = record.evidence.kind == Observation::Kind::refused ||
                         record.evidence.kind == Observation::Kind::blocked ||
                         record.evidence.kind == Observation::Kind::asleep;
    return !by_lock || evidence.locks == nullptr || std::ranges::any_of(record.owners, [&](const std::string& owner) {
        return std::ranges::find(record.during, owner) != record.during.end();
    });
}

}  // namespace

const EvidenceRecord* seen_under_hold(const TrialEvidence& evidence, const Step& step) {
    for (const auto& record : evidence.performance.evidence) {
        if (asks_for(step, record.evidence) && record.actor == step.actor && is_exclusion(evidence, record))
            return &record;
    }
    return nullptr;
}

bool was_kept_out(const TrialEvidence& evidence) {
    const auto saw = [&](const Step& step, Observation::Kind kind) {
        return std::ranges::any_of(evidence.performance.evidence, [&](const EvidenceRecord& record) {
            // An actor that got in is evidence against the hold, whoever owns which lock.
            const bool counts =
                kind == Observation::Kind::entered ? !record.during.empty() : is_exclusion(evidence, record);
            return record.evidence.kind == kind && record.actor == step.actor && counts &&
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
