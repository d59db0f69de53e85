#include "play/actions.h"

#include <algorithm>

#include "hotplug/vcpu.h"
#include "hotplug/virtio_mem.h"
#include "hotplug/xen_balloon.h"
#include "play/while_running.h"

namespace memrig {

Status Actions::start(const Actor& actor) {
    context_.roster.note_start(actor.name);
    if (actor.is_thread()) return writers_.ring(actor);
    MEMRIG_CHECK(context_.conductor.pause());
    if (actor.kind == ActorKind::vcpu_plugger) return plug_one_vcpu(actor);
    if (actor.kind == ActorKind::remover) return unplug(actor);
    if (actor.kind == ActorKind::pinner) return pin(actor);
    if (actor.kind == ActorKind::filler) return fill(actor);
    return actor.kind == ActorKind::resizer ? resize(actor) : plug(actor);
}

// --- memory devices

Status Actions::plug(const Actor& actor) {
    if (actor.at_boot) return find_at_boot(actor);
    if (actor.is_dimm()) return plug_one_dimm(actor);
    if (actor.device == MemoryDevice::xen_balloon) return grow_balloon(actor);
    MEMRIG_TRY(const BlockRange blocks, give_virtio_mem(actor));
    // ACPI adds a DIMM in one go. The virtio-mem driver adds each block by itself.
    context_.roster.set_work(actor.name, blocks.count());
    note_plugged(actor, blocks);
    return {};
}

void Actions::note_plugged(const Actor& actor, const BlockRange& blocks) {
    virtio_mem_blocks_ = blocks.count();
    context_.record.note_plugged(actor.name, blocks);
    context_.record.add_event(actor.name, "qmp",
                              fmt::format("{} of {} MiB: memory{} to memory{}", to_string(actor.device),
                                          actor.bytes >> 20, blocks.first, blocks.last));
}

Result<BlockRange> Actions::give_virtio_mem(const Actor& actor) {
    Machine& machine = context_.machine;
    const Deadline give_up = Deadline::after(kQmpPatience);
    if (!actor.plugs_device())
        return request_virtio_mem(machine.qmp(), machine.hotplug_api(), actor.bytes, context_.block_bytes, give_up);
    const VirtioMemSpec spec{actor.device_id, backend_of(actor), actor.most, actor.bytes, actor.node};
    return plug_virtio_mem(machine.qmp(), machine.hotplug_api(), spec, context_.block_bytes, give_up);
}

// The management layer wraps a refusal by QEMU in words of its own. Where one is expected, QEMU itself is asked.
Result<Answer<PluggedDimm>> Actions::make_dimm(const Actor& actor) {
    const DimmSpec spec{actor.device_id, backend_of(actor), actor.bytes, actor.node,
                        actor.device == MemoryDevice::nvdimm};
    const Deadline give_up = Deadline::after(kQmpPatience);
    HotplugApi* api = context_.machine.hotplug_api();
    if (api == nullptr || !actor.expects_qemu_to()) return plug_dimm(context_.machine.qmp(), spec, give_up);
    MEMRIG_CHECK(api->attach_dimm(spec, give_up));
    MEMRIG_TRY(const PluggedDimm dimm, find_dimm(context_.machine.qmp(), spec, give_up));
    return Answer<PluggedDimm>(dimm);
}

Status Actions::plug_one_dimm(const Actor& actor) {
    Record& record = context_.record;
    MEMRIG_TRY(const auto dimm, make_dimm(actor));
    if (!dimm && actor.expects_success() && !actor.races) return std::unexpected(dimm.error().error());
    record.note_answer(actor.name, dimm ? kDone : dimm.error().text());
    context_.roster.set_work(actor.name, dimm ? actor.calls : 0);
    if (!dimm) {
        record.add_event(actor.name, "qmp", "refused: " + dimm.error().text());
        return {};
    }
    if (actor.device == MemoryDevice::nvdimm) {
        record.add_event(actor.name, "qmp", fmt::format("nvdimm of {} MiB at {:#x}", actor.bytes >> 20, dimm->address));
        return {};
    }
    if (const auto blocks = blocks_of(*dimm, context_.block_bytes)) {
        note_plugged(actor, *blocks);
        return {};
    }
    if (actor.expects_success())
        return fail(Fault::user_input, "{} bytes at {:#x} are no whole number of blocks of {} bytes", dimm->bytes,
                    dimm->address, context_.block_bytes);
    record.add_event(actor.name, "qmp", fmt::format("pc-dimm of {} MiB, no whole number of blocks", actor.bytes >> 20));
    return {};
}

// From here on, the DIMM counts as plugged by the actor: the snapshot from before does not have it.
Status Actions::find_at_boot(const Actor& actor) {
    const DimmSpec spec{actor.device_id, backend_of(actor), actor.bytes, actor.node, false};
    MEMRIG_TRY(const PluggedDimm dimm, find_dimm(context_.machine.qmp(), spec, Deadline::after(kQmpPatience)));
    const auto blocks = blocks_of(dimm, context_.block_bytes);
    if (!blocks)
        return fail(Fault::user_input, "{} bytes at {:#x} are no whole number of blocks of {} bytes", dimm.bytes,
                    dimm.address, context_.block_bytes);
    const MemorySnapshot& before = context_.record.performance().before;
    std::uint64_t offline = 0;
    for (const auto& block : before.blocks) offline += blocks->contains(block.id) && block.state == "offline" ? 1 : 0;
    if (offline != blocks->count())
        return fail(Fault::guest, "{} of memory{} to memory{} are offline after boot: {} needs all {}", offline,
                    blocks->first, blocks->last, actor.name, blocks->count());
    context_.record.replace_before(without_device(before, *blocks, context_.block_bytes, spec.id, spec.backend));
    context_.roster.set_work(actor.name, 1);
    context_.roster.note_call(actor.name);
    note_plugged(actor, *blocks);
    return {};
}

// The kernel's thread xen-balloon adds the memory, some time after the write.
Status Actions::grow_balloon(const Actor& actor) {
    MEMRIG_TRY(const BalloonRequest request, while_running(context_.conductor, [&] {
                   return ask_xen_balloon(context_.agent(), actor.bytes, context_.block_bytes,
                                          Deadline::after(kAgentPatience));
               }));
    context_.roster.set_work(actor.name, actor.calls);
    context_.record.note_plugged(actor.name, request.blocks);
    context_.record.add_event(
        actor.name, "asks Xen",
        fmt::format("target_kb {}: memory{} to memory{}", request.target, request.blocks.first, request.blocks.last));
    MEMRIG_CHECK(while_running(context_.conductor, [&] {
        return context_.agent().write_guest_file(kXenBalloonTarget, request.target, Deadline::after(kAgentPatience));
    }));
    return context_.conductor.pause();
}

Status Actions::resize(const Actor& actor) {
    Record& record = context_.record;
    MEMRIG_TRY(const BlockRange left,
               request_virtio_mem(context_.machine.qmp(), context_.machine.hotplug_api(), actor.bytes,
                                  context_.block_bytes, Deadline::after(kQmpPatience)));
    const std::uint64_t before = std::exchange(virtio_mem_blocks_, left.count());
    for (const auto& [adder, blocks] : record.performance().plugged)
        if (left.count() > blocks.count()) record.note_plugged(adder, left);
    // The driver adds or removes each block by itself.
    context_.roster.set_work(actor.name, std::max(before, left.count()) - std::min(before, left.count()));
    record.add_event(actor.name, "qmp", fmt::format("virtio-mem to {} MiB", actor.bytes >> 20));
    return {};
}

Result<Answer<void>> Actions::ask_to_unplug(const Actor& actor) {
    const Deadline give_up = Deadline::after(kQmpPatience);
    HotplugApi* api = context_.machine.hotplug_api();
    if (api == nullptr || !api->knows(actor.device_id) || !actor.expects_qemu_to())
        return unplug_dimm(context_.machine.qmp(), actor.device_id, give_up);
    MEMRIG_CHECK(api->detach(actor.device_id, give_up));
    return Answer<void>();
}

Status Actions::unplug(const Actor& actor) {
    MEMRIG_TRY(const auto asked, ask_to_unplug(actor));
    if (!asked && actor.expects_success() && actor.again_of.empty() && !actor.races)
        return std::unexpected(asked.error().error());
    const std::string answer = asked ? kDone : asked.error().text();
    context_.record.note_answer(actor.name, answer);
    context_.roster.set_work(actor.name, asked ? actor.calls : 0);
    context_.record.add_event(actor.name, "qmp", "device_del " + actor.device_id + ": " + answer);
    return {};
}

// --- vCPUs

Status Actions::plug_one_vcpu(const Actor& actor) {
    MEMRIG_CHECK(plug_vcpu(context_.machine.qmp(), Deadline::after(kQmpPatience)));
    MEMRIG_CHECK(context_.conductor.probe().refresh_vcpus());
    context_.roster.set_work(actor.name, 1);
    context_.record.add_event(actor.name, "qmp", fmt::format("vCPU {}", context_.conductor.probe().vcpus() - 1));
    return {};
}

// --- pages

Status Actions::pin(const Actor& actor) {
    MEMRIG_TRY(const BlockRange blocks, blocks_for(actor, context_.record.performance().plugged));
    MEMRIG_TRY(const std::uint64_t pfn, while_running(context_.conductor, [&] {
                   return context_.agent().pin_page(actor.name, blocks.first, blocks.last,
                                                    Deadline::after(kAgentPatience));
               }));
    if (!actor.keeps) MEMRIG_CHECK(unpin(actor));
    MEMRIG_CHECK(context_.conductor.pause());
    const std::uint64_t page_bytes = context_.record.performance().before.figures.page_bytes;
    const std::uint64_t block = pfn / (context_.block_bytes / page_bytes);
    if (!blocks.contains(block))
        return fail(Fault::guest, "{} pinned page frame {:#x}, which is none of memory{} to memory{}", actor.name, pfn,
                    blocks.first, blocks.last);
    context_.roster.set_work(actor.name, 1);
    context_.record.note_hold({actor.name, "a page", 0, block, steady_clock().now(), {}, pfn});
    return {};
}

Status Actions::unpin(const Actor& actor) {
    return while_running(context_.conductor,
                         [&] { return context_.agent().unpin_page(actor.name, Deadline::after(kAgentPatience)); });
}

// The pages that lie elsewhere are of no use: nobody has to move them.
Status Actions::fill(const Actor& actor) {
    MEMRIG_TRY(const BlockRange blocks, blocks_for(actor, context_.record.performance().plugged));
    MEMRIG_TRY(const std::uint64_t pages, while_running(context_.conductor, [&] {
                   return context_.agent().fill_memory(actor.name, actor.bytes, blocks.first, blocks.last,
                                                       Deadline::after(kAgentPatience));
               }));
    MEMRIG_CHECK(context_.conductor.pause());
    if (pages == 0)
        return fail(Fault::guest, "{} filled {} MiB, and none of it in memory{} to memory{}", actor.name,
                    actor.bytes >> 20, blocks.first, blocks.last);
    context_.roster.set_work(actor.name, 1);
    context_.roster.note_call(actor.name);
    context_.record.add_event(actor.name, "fills",
                              fmt::format("{} MiB, {} pages of it in memory{} to memory{}", actor.bytes >> 20, pages,
                                          blocks.first, blocks.last));
    return {};
}

Status Actions::let_page_go(const Actor& pinner) {
    Record& record = context_.record;
    const auto& holds = record.performance().holds;
    const auto found =
        std::ranges::find_if(holds, [&](const HoldRecord& one) { return one.actor == pinner.name && !one.released; });
    if (found == holds.end()) return {};
    const HoldRecord hold = *found;  // unpin() runs the guest, and that may add more holds
    // An actor that has finished by now did not wait for the page.
    for (const auto& step : context_.schedule().steps) {
        if (!step.asks_for(Observation::Kind::stalled)) continue;
        if (!context_.roster.finished(context_.schedule().actor(step.actor))) continue;
        record.note_overtaking(step.actor, pinner.name,
                               fmt::format("{} did not wait for {}, which kept a page of memory{} pinned", step.actor,
                                           pinner.name, *hold.block));
    }
    record.note_release(pinner.name);
    if (pinner.keeps) MEMRIG_CHECK(unpin(pinner));
    context_.roster.note_call(pinner.name);
    record.add_event(pinner.name, "unpins", fmt::format("page frame {:#x}", *hold.pfn));
    return context_.conductor.pause();
}

}  // namespace memrig
