#include "play/snapshot.h"

#include <algorithm>

#include "hotplug/id_list.h"
#include "play/context.h"
#include "play/while_running.h"
#include "probe/kernel_objects.h"

namespace memrig {

Result<MemorySnapshot> take_snapshot(Machine& machine, Conductor& conductor) {
    MemorySnapshot snapshot;
    MEMRIG_TRY(snapshot.blocks,
               while_running(conductor, [&] { return machine.agent().blocks(Deadline::after(kAgentPatience)); }));
    MEMRIG_TRY(snapshot.figures,
               while_running(conductor, [&] { return machine.agent().memory(Deadline::after(kAgentPatience)); }));
    MEMRIG_TRY(const std::string iomem, while_running(conductor, [&] {
                   return machine.agent().read_guest_file("/proc/iomem", Deadline::after(kAgentPatience));
               }));
    snapshot.ram = system_ram(iomem);
    MEMRIG_TRY(snapshot.qemu, look_at_qemu(machine.qmp(), Deadline::after(kQmpPatience)));
    return snapshot;
}

Status greet(Machine& machine, Conductor& conductor) {
    const auto hello = while_running(conductor, [&] { return machine.agent().hello(Deadline::after(kAgentPatience)); });
    if (!hello) return std::unexpected(hello.error());
    return conductor.pause();
}

Result<MemorySnapshot> snapshot_before(Machine& machine, Conductor& conductor, const SymbolTable& symbols) {
    MEMRIG_CHECK(greet(machine, conductor));
    MEMRIG_TRY(MemorySnapshot snapshot, take_snapshot(machine, conductor));
    MEMRIG_CHECK(conductor.pause());
    MEMRIG_TRY(snapshot.page_struct_bytes, page_struct_bytes(conductor.probe(), 0, symbols));
    return snapshot;
}

Result<std::optional<VcpuFigures>> look_at_vcpus(Machine& machine, Conductor& conductor, const Schedule& schedule) {
    if (std::ranges::find(schedule.actors, ActorKind::vcpu_plugger, &Actor::kind) == schedule.actors.end())
        return std::nullopt;
    VcpuFigures figures;
    for (const auto& [file, number] : {std::pair{"present", &figures.present}, {"online", &figures.online}}) {
        const std::string path = fmt::format("/sys/devices/system/cpu/{}", file);
        MEMRIG_TRY(const std::string list, while_running(conductor, [&] {
                       return machine.agent().read_guest_file(path, Deadline::after(kAgentPatience));
                   }));
        const auto cpus = parse_id_list(list);
        if (!cpus) return fail(Fault::guest, "{} is no list of CPUs: '{}'", path, list);
        *number = static_cast<unsigned>(cpus->size());
    }
    return figures;
}

}  // namespace memrig
