// The accounting oracle: finds what does not add up after the schedule has gone through.
#include <algorithm>

#include <fmt/format.h>

#include "oracle/judge.h"
#include "oracle/outcomes.h"
#include "oracle/refusals.h"
#include "schedule/goals.h"

namespace memrig {

namespace {

// Each plugged vCPU must be present, and online if an actor or the kernel onlines it. The memory that the kernel
// allocates for a vCPU is not in the accounts.
void check_vcpus(const TrialEvidence& evidence, std::vector<std::string>& wrong) {
    const auto& before = evidence.performance.vcpus_before;
    const auto& after = evidence.performance.vcpus_after;
    if (!before || !after) return;
    VcpuFigures expected = *before;
    for (const auto& actor : evidence.schedule.actors) {
        if (actor.kind == ActorKind::vcpu_plugger) expected.present++;
        if (actor.kind == ActorKind::vcpu_plugger && actor.onlined_by_kernel) expected.online++;
        if (actor.kind == ActorKind::vcpu_onliner && actor.expects_success()) expected.online++;
    }
    if (*after != expected)
        wrong.push_back(fmt::format("{} vCPUs are present and {} online, not {} and {}", after->present, after->online,
                                    expected.present, expected.online));
}

Finding finding_of(const std::vector<std::string>& wrong) {
    return Finding{"accounting", Verdict::accounting, wrong.front(), wrong, SentenceKey{wrong.front()}};
}

// A refusal that did not come, and a device that the kernel gave up, convict without a look at the memory: the play may
// have ended for that very reason.
std::optional<Finding> never_done(const TrialEvidence& evidence) {
    auto missed = missed_refusals(evidence.schedule, evidence.performance);
    if (!evidence.given_up.empty()) missed.push_back("the kernel gave a device up: " + evidence.given_up);
    return missed.empty() ? std::nullopt : std::optional(finding_of(missed));
}

// The blocks of a balloon's memory are foreseen by the rig (ask_xen_balloon()). If the kernel put them elsewhere, the
// rig was wrong, or the kernel: nothing is proven.
std::optional<Finding> lies_elsewhere(const TrialEvidence& evidence) {
    const Performance& performance = evidence.performance;
    const auto has = [](const MemorySnapshot& snapshot, std::uint64_t id) {
        return std::ranges::find(snapshot.blocks, id, &MemoryBlock::id) != snapshot.blocks.end();
    };
    for (const auto& actor : evidence.schedule.actors) {
        const auto foreseen = performance.plugged.find(actor.name);
        if (!actor.gives_no_pages() || foreseen == performance.plugged.end()) continue;
        const BlockRange& range = foreseen->second;
        bool is_whole = true;
        for (std::uint64_t id = range.first; id <= range.last; id++) is_whole = is_whole && has(*performance.after, id);
        const auto other = std::ranges::find_if(performance.after->blocks, [&](const MemoryBlock& block) {
            return !has(performance.before, block.id) && !range.contains(block.id);
        });
        if (is_whole || other == performance.after->blocks.end()) continue;
        const std::string why = fmt::format("memory{} came, and memory{} to memory{} had been foreseen for {}",
                                            other->id, range.first, range.last, actor.name);
        return Finding{"accounting", Verdict::inconclusive, why, {why}, SentenceKey{why}};
    }
    return std::nullopt;
}

}  // namespace

std::optional<Finding> accounting_oracle(const TrialEvidence& evidence) {
    const Performance& performance = evidence.performance;
    if (!performance.after) return never_done(evidence);
    if (auto elsewhere = lies_elsewhere(evidence)) return elsewhere;
    // Overtaking, unexpected answers and failed writes come first: the other differences may follow from them.
    std::vector<std::string> wrong = performance.overtaking;
    const auto answers = unexpected_answers(evidence.schedule, performance);
    wrong.insert(wrong.end(), answers.begin(), answers.end());
    for (const auto& write : performance.writes) {
        const Actor* actor = evidence.schedule.find(write.writer);
        if (actor != nullptr && !actor->expects(write.error)) wrong.push_back(unexpected_write(*actor, write));
    }
    const auto on_the_way = wrong_at_checks(evidence);
    wrong.insert(wrong.end(), on_the_way.begin(), on_the_way.end());
    const auto refused = refused_of(evidence.schedule, performance, *performance.after);
    const auto off = check_blocks(
        performance.before, *performance.after,
        goals_of(evidence.schedule, performance.plugged, evidence.block_bytes, refused, &performance.after->blocks));
    wrong.insert(wrong.end(), off.begin(), off.end());
    wrong.insert(wrong.end(), evidence.left_over.begin(), evidence.left_over.end());
    check_vcpus(evidence, wrong);
    const auto drifted = drift(performance.footprints, evidence.schedule.most_looks());
    wrong.insert(wrong.end(), drifted.begin(), drifted.end());
    if (wrong.empty()) return std::nullopt;
    return finding_of(wrong);
}

}  // namespace memrig
