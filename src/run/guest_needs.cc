#include "run/guest_needs.h"

#include <algorithm>

#include "machine/guest_feature.h"

namespace memrig {

namespace {

bool enters(const Actor& actor, const char* function) {
    return std::ranges::find(actor.entry, function) != actor.entry.end();
}

// Returns what the actor needs; null if it is nothing that a guest may lack. `probed`: a prober tells the kernel of the
// memory, which is then not to learn of it from ACPI.
const GuestFeature* need_of(const Actor& actor, bool probed) {
    // What QEMU refuses, the guest does not see.
    if (!actor.is_thread() && !actor.expects_qemu_to()) return nullptr;
    switch (actor.kind) {
        case ActorKind::prober: return find_guest_feature("probe-file");
        case ActorKind::resizer: return find_guest_feature("virtio-mem");
        case ActorKind::adder:
        case ActorKind::remover: break;
        default: return nullptr;
    }
    switch (actor.device) {
        case MemoryDevice::virtio_mem: return find_guest_feature("virtio-mem");
        case MemoryDevice::dax_state: return find_guest_feature("dax-state");
        case MemoryDevice::dax: return find_guest_feature("kmem-driver");
        case MemoryDevice::pc_dimm:
            return !probed && enters(actor, "acpi_device_hotplug") ? find_guest_feature("acpi-memory") : nullptr;
        case MemoryDevice::xen_balloon: return find_guest_feature("xen-balloon");
        case MemoryDevice::nvdimm:
        case MemoryDevice::memtrace: break;
    }
    return nullptr;
}

}  // namespace

Status check_needs(const Schedule& schedule, const PreparedGuest& guest) {
    const bool probed = std::ranges::find(schedule.actors, ActorKind::prober, &Actor::kind) != schedule.actors.end();
    for (const Actor& actor : schedule.actors) {
        const GuestFeature* need = need_of(actor, probed);
        if (need == nullptr || guest.features.contains(std::string(need->key))) continue;
        return fail_with({Fault::guest,
                          fmt::format("kernel {} has not {}, which {} needs: there is no {}", guest.order.kernel.id,
                                      need->name, actor.name, need->path),
                          {}},
                         fmt::format("it comes with {}; to a kernel that is given by its path, memrig adds no modules",
                                     need->option));
    }
    return {};
}

}  // namespace memrig
