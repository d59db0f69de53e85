// The rounds of a loop: the same devices come and go by the same names.
#include <algorithm>

#include "play/cast.h"
#include "play/while_running.h"

namespace memrig {

Result<bool> Cast::end_round() {
    MEMRIG_CHECK(conductor_.pause());
    MEMRIG_CHECK(remove_left_backends());
    MEMRIG_CHECK(collect_acpi_status());
    MEMRIG_CHECK(hear_unplug_errors());
    collect_writes();
    MEMRIG_TRY(const QemuMemory now, look_at_qemu(machine_.qmp(), Deadline::after(kQmpPatience)));
    for (const auto& actor : order_.schedule.actors)
        if (actor.kind == ActorKind::remover && now.devices.contains(actor.device_id))
            seen.answers[actor.name] = "still plugged";
    return std::ranges::all_of(order_.schedule.actors, [this](const Actor& actor) {
        const auto answer = seen.answers.find(actor.name);
        return answer == seen.answers.end() || actor.expects_answer(answer->second);
    });
}

Status Cast::begin_round() {
    writes_of_rounds_past_ = seen.writes.size();
    started_.clear();
    asked_.clear();
    wanted_.clear();
    calls_.clear();
    seen.tasks.clear();
    seen.plugged.clear();
    seen.answers.clear();
    return arm_threads();
}

Status Cast::leave_footprint(unsigned round) {
    MEMRIG_TRY(Footprint footprint, while_running(conductor_, [&] {
                   return take_footprint(machine_.qmp(), machine_.agent(), Deadline::after(kAgentPatience));
               }));
    for (const auto& [adder, blocks] : seen.plugged)
        footprint.facts["the blocks of " + adder] = fmt::format("memory{} to memory{}", blocks.first, blocks.last);
    footprint.round = round;
    seen.footprints.push_back(std::move(footprint));
    return conductor_.pause();
}

}  // namespace memrig
