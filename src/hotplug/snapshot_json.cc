#include "hotplug/snapshot_json.h"

namespace memrig {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(MemoryBlock, id, state, valid_zones, node, removable)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ZoneFigures, node, zone, present, managed, spanned, free, start_pfn)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(MemoryFigures, zones, meminfo, vmstat, nodes, page_bytes, lost_pages)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(MemoryRange, begin, end)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(QemuMemory, devices, backends)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(MemorySnapshot, blocks, figures, ram, qemu, page_struct_bytes)

nlohmann::json snapshot_json(const MemorySnapshot& snapshot) { return snapshot; }

Result<MemorySnapshot> read_snapshot(const nlohmann::json& json) {
    try {
        return json.get<MemorySnapshot>();
    } catch (const nlohmann::json::exception&) {
        return fail(Fault::host, "a guest's memory snapshot is damaged");
    }
}

}  // namespace memrig
