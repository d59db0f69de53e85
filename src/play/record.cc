#include "play/record.h"

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"

namespace memrig {

std::vector<std::string> owners_of(const LockLedger& ledger, const Performance& performance, const LockEvent& event) {
    std::vector<std::string> owners;
    for (const auto& [actor, task] : performance.tasks) {
        const auto held = ledger.held_by(task);
        if (task != event.task && std::ranges::find(held, event.lock, &LockEvent::lock) != held.end())
            owners.push_back(actor);
    }
    return owners;
}

std::string Record::answer_of(const std::string& actor) const {
    const auto answer = performance_.answers.find(actor);
    return answer == performance_.answers.end() ? std::string() : answer->second;
}

void Record::note_step(const std::string& text) {
    timeline_.add("rig", "step", text);
    logger(LogLayer::play).info("step: {}", text);
    performance_.step = text;
}

void Record::note_in_vain(const std::string& reason) {
    timeline_.add("rig", "in vain", reason);
    logger(LogLayer::play).info("the step is in vain: {}", reason);
    performance_.in_vain = reason;
}

void Record::note_switch(const Switch& taken) {
    timeline_.add("rig", "switch", taken.text());
    logger(LogLayer::play).info("switch: {}", taken.text());
}

void Record::note_writes(std::vector<WriterReport> reports) {
    for (std::size_t i = performance_.writes.size(); i < reports.size(); i++) {
        const WriterReport& write = reports[i];
        timeline_.add(
            {write.seen, write.writer, "write", fmt::format("memory{}: {}", write.block, errno_name(write.error)), {}});
    }
    performance_.writes = std::move(reports);
}

void Record::note_lock(const LockEvent& event, const std::string& actor, const std::vector<std::string>& owners) {
    const std::string name = actor.empty() ? fmt::format("task {:x}", event.task) : actor;
    timeline_.add({event.at, name, "lock",
                   fmt::format("{} {}{} ({})", to_string(event.action), event.lock, event.shared ? " for reading" : "",
                               event.where),
                   event.vcpu});
    if (actor.empty()) return;
    if (event.action == LockAction::refused)
        note_observation(actor, {Observation::Kind::refused, event.lock}, event.vcpu, event.where, owners);
    if (event.action == LockAction::wants)
        note_observation(actor, {Observation::Kind::blocked, event.lock}, event.vcpu, event.where, owners);
    if (event.action != LockAction::takes || !under_hold()) return;
    for (auto& record : performance_.evidence)
        if (record.actor == actor && record.evidence.subject == event.lock) record.revoked = true;
}

bool Record::under_hold() const {
    return std::ranges::any_of(performance_.holds, [](const auto& hold) { return !hold.released; });
}

void Record::note_observation(const std::string& actor, const Observation& observation, std::optional<unsigned> vcpu,
                              const std::string& where, std::vector<std::string> owners) {
    EvidenceRecord record{actor, observation, steady_clock().now(), where, {}, std::move(owners)};
    for (const auto& hold : performance_.holds)
        if (!hold.released) record.during.push_back(hold.actor);
    record.vcpu = vcpu;
    // The lock event beside it shows already that the actor is blocked.
    if (observation.kind != Observation::Kind::blocked) timeline_.add(actor, "evidence", observation.text(), vcpu);
    performance_.evidence.push_back(std::move(record));
}

void Record::note_lasted(std::size_t index, unsigned ticks) {
    MEMRIG_ASSERT(index < performance_.evidence.size(), "the observation that lasted was noted before");
    EvidenceRecord& record = performance_.evidence[index];
    record.lasted = true;
    timeline_.add(record.actor, "evidence", fmt::format("still {} after {} ticks", record.evidence.text(), ticks),
                  record.vcpu);
}

void Record::note_entry(const std::string& actor, const std::string& function, unsigned vcpu) {
    timeline_.add(actor, "enters", function, vcpu);
    if (!under_hold()) return;
    for (auto& record : performance_.evidence)
        if (record.actor == actor && record.evidence.kind == Observation::Kind::queued) record.revoked = true;
}

void Record::note_hold(HoldRecord hold) {
    if (hold.pfn)
        timeline_.add(hold.actor, "pins", fmt::format("page frame {:#x} of memory{}", *hold.pfn, *hold.block));
    else
        timeline_.add(hold.actor, "held", hold.block ? fmt::format("{} of memory{}", hold.at, *hold.block) : hold.at,
                      hold.vcpu);
    performance_.holds.push_back(std::move(hold));
}

std::vector<HoldRecord> Record::note_release(const std::string& actor) {
    std::vector<HoldRecord> ended;
    for (auto& hold : performance_.holds) {
        if (hold.actor != actor || hold.released) continue;
        hold.released = steady_clock().now();
        ended.push_back(hold);
    }
    return ended;
}

void Record::note_overtaking(const std::string& actor, const std::string& other, std::string text) {
    performance_.overtaking.push_back(std::move(text));
    timeline_.add(actor, "overtakes", other);
}

void Record::note_crash(Crash crash) {
    timeline_.add(crash.actor, "crash", crash.function, crash.vcpu);
    performance_.crashes.push_back(std::move(crash));
}

void Record::note_look(StuckSample sample) {
    timeline_.add("rig", "stuck",
                  fmt::format("{} blocked tasks, {}", sample.blocked.size(), sample.cycle ? "a cycle" : "no cycle"));
    if (performance_.stuck.size() == 2) performance_.stuck.clear();
    performance_.stuck.push_back(std::move(sample));
}

void Record::note_loop(LoopRecord loop) {
    timeline_.add(loop.actor, "loop",
                  loop.function.empty() ? "was in no state again"
                                        : fmt::format("entered {} {} times in one state", loop.function, loop.passes));
    performance_.loop = std::move(loop);
}

void Record::note_after(MemorySnapshot snapshot, std::optional<VcpuFigures> figures) {
    performance_.after = std::move(snapshot);
    performance_.vcpus_after = figures;
}

void Record::note_footprint(Footprint footprint) {
    auto& all = performance_.footprints;
    const std::string moved = all.empty() ? std::string() : changes(all.back(), footprint);
    timeline_.add("rig", "footprint",
                  fmt::format("after round {}: {}", footprint.round, moved.empty() ? "no counter moved" : moved));
    all.push_back(std::move(footprint));
}

void Record::begin_round() {
    performance_.tasks.clear();
    performance_.plugged.clear();
    performance_.answers.clear();
}

}  // namespace memrig
