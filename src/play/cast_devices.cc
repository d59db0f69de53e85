// What the cast does through QMP, and what QEMU and the kernel answer.
#include <algorithm>

#include "hotplug/acpi_ost.h"
#include "hotplug/unplug_error.h"
#include "hotplug/virtio_mem.h"
#include "play/cast.h"
#include "play/while_running.h"

namespace memrig {

namespace {
using namespace std::chrono_literals;
constexpr auto kConsolePatience = 30s;
}  // namespace

void Cast::plugged(const Actor& actor, const BlockRange& blocks) {
    seen.plugged[actor.name] = blocks;
    virtio_mem_blocks_ = blocks.count();
    timeline_.add(actor.name, "qmp",
                  fmt::format("{} of {} MiB: memory{} to memory{}", to_string(actor.device), actor.bytes >> 20,
                              blocks.first, blocks.last));
}

Result<BlockRange> Cast::give_virtio_mem(const Actor& actor) {
    const Deadline give_up = Deadline::after(kQmpPatience);
    if (!actor.plugs_device())
        return request_virtio_mem(machine_.qmp(), machine_.hotplug_api(), actor.bytes, order_.block_bytes, give_up);
    const VirtioMemSpec order{actor.device_id, backend_of(actor), actor.most, actor.bytes, actor.node};
    return plug_virtio_mem(machine_.qmp(), machine_.hotplug_api(), order, order_.block_bytes, give_up);
}

Status Cast::plug(const Actor& actor) {
    if (actor.is_dimm()) return plug_one_dimm(actor);
    MEMRIG_TRY(const BlockRange blocks, give_virtio_mem(actor));
    // ACPI adds a DIMM in one go, the virtio-mem driver each block by itself.
    wanted_[actor.name] = blocks.count();
    plugged(actor, blocks);
    return {};
}

// QEMU's refusals are told in its own words to who expects them.
Result<Answer<PluggedDimm>> Cast::make_dimm(const Actor& actor) {
    const DimmSpec order{actor.device_id, backend_of(actor), actor.bytes, actor.node,
                         actor.device == MemoryDevice::nvdimm};
    const Deadline give_up = Deadline::after(kQmpPatience);
    HotplugApi* api = machine_.hotplug_api();
    if (api == nullptr || !actor.expects_qemu_to()) return plug_dimm(machine_.qmp(), order, give_up);
    MEMRIG_CHECK(api->attach_dimm(order, give_up));
    MEMRIG_TRY(const PluggedDimm dimm, find_dimm(machine_.qmp(), order, give_up));
    return Answer<PluggedDimm>(dimm);
}

Result<Answer<void>> Cast::ask_to_unplug(const Actor& actor) {
    const Deadline give_up = Deadline::after(kQmpPatience);
    HotplugApi* api = machine_.hotplug_api();
    if (api == nullptr || !api->knows(actor.device_id) || !actor.expects_qemu_to())
        return unplug_dimm(machine_.qmp(), actor.device_id, give_up);
    MEMRIG_CHECK(api->detach(actor.device_id, give_up));
    return Answer<void>();
}

Status Cast::plug_one_dimm(const Actor& actor) {
    MEMRIG_TRY(const auto dimm, make_dimm(actor));
    if (!dimm && actor.expects_success()) return std::unexpected(dimm.error().error());
    seen.answers[actor.name] = dimm ? kDone : dimm.error().text();
    wanted_[actor.name] = dimm ? 1 : 0;
    if (!dimm) {
        timeline_.add(actor.name, "qmp", "refused: " + dimm.error().text());
        return {};
    }
    if (actor.device == MemoryDevice::nvdimm) {
        timeline_.add(actor.name, "qmp", fmt::format("nvdimm of {} MiB at {:#x}", actor.bytes >> 20, dimm->address));
        return {};
    }
    if (const auto blocks = blocks_of(*dimm, order_.block_bytes)) {
        plugged(actor, *blocks);
        return {};
    }
    if (actor.expects_success())
        return fail(Fault::user_input, "{} bytes at {:#x} are no whole number of blocks of {} bytes", dimm->bytes,
                    dimm->address, order_.block_bytes);
    timeline_.add(actor.name, "qmp", fmt::format("pc-dimm of {} MiB, no whole number of blocks", actor.bytes >> 20));
    return {};
}

Status Cast::resize(const Actor& actor) {
    MEMRIG_TRY(const BlockRange left, request_virtio_mem(machine_.qmp(), machine_.hotplug_api(), actor.bytes,
                                                         order_.block_bytes, Deadline::after(kQmpPatience)));
    const std::uint64_t before = std::exchange(virtio_mem_blocks_, left.count());
    for (auto& [adder, blocks] : seen.plugged)
        if (left.count() > blocks.count()) blocks = left;
    // It adds or removes each block by itself.
    wanted_[actor.name] = std::max(before, left.count()) - std::min(before, left.count());
    timeline_.add(actor.name, "qmp", fmt::format("virtio-mem to {} MiB", actor.bytes >> 20));
    return {};
}

Status Cast::unplug(const Actor& actor) {
    MEMRIG_TRY(const auto asked, ask_to_unplug(actor));
    if (!asked && actor.expects_success()) return std::unexpected(asked.error().error());
    seen.answers[actor.name] = asked ? kDone : asked.error().text();
    wanted_[actor.name] = asked ? 1 : 0;
    timeline_.add(actor.name, "qmp", "device_del " + actor.device_id + ": " + seen.answers[actor.name]);
    return {};
}

Status Cast::plug_one_vcpu(const Actor& actor) {
    MEMRIG_CHECK(plug_vcpu(machine_.qmp(), Deadline::after(kQmpPatience)));
    MEMRIG_CHECK(conductor_.probe().refresh_vcpus());
    wanted_[actor.name] = 1;
    timeline_.add(actor.name, "qmp", fmt::format("vCPU {}", conductor_.probe().vcpus() - 1));
    return {};
}

// What the kernel was expected to refuse it says on the console; all that it has said by now is there once a last line of ours is.
Status Cast::collect_console_refusals() {
    const auto on_console = [](const Actor& actor) {
        return std::ranges::find(actor.refusals, "console", &Refusal::by) != actor.refusals.end();
    };
    if (std::ranges::none_of(order_.schedule.actors, on_console)) return {};
    constexpr const char* last_line = "memrig: all that was said before has been printed";
    MEMRIG_CHECK(while_running(conductor_, [&] {
        return machine_.agent().write_guest_file("/dev/kmsg", fmt::format("<3>{}\n", last_line),
                                                 Deadline::after(kAgentPatience));
    }));
    const auto printed = [&] { return machine_.console().text().find(last_line) != std::string::npos; };
    const auto give_up = Deadline::after(kConsolePatience);
    while (!printed() && !give_up.expired()) MEMRIG_CHECK(conductor_.run_until(printed, Deadline::after(20ms)));
    if (!printed()) return fail(Fault::guest, "the console does not show what the kernel prints");
    const std::string text = machine_.console().text();
    for (const auto& actor : order_.schedule.actors)
        for (const auto& refusal : actor.refusals)
            if (refusal.by == "console" && text.find(refusal.text) != std::string::npos &&
                seen.answers[actor.name] == kDone)
                seen.answers[actor.name] = refusal.shown();
    return {};
}

// Only what QEMU took is the kernel's to answer. All that came before QEMU's last answer has been received.
Status Cast::collect_acpi_status() {
    const auto events = machine_.qmp().events();
    for (const auto& actor : order_.schedule.actors) {
        const bool unplugs = actor.kind == ActorKind::remover;
        const bool by_acpi = std::ranges::find(actor.entry, "acpi_device_hotplug") != actor.entry.end();
        const auto answer = seen.answers.find(actor.name);
        if (!by_acpi || answer == seen.answers.end() || answer->second != kDone) continue;
        const std::string refusal =
            acpi_refusal(events, actor.device_id, unplugs ? OstSource::ejection_request : OstSource::device_check);
        if (!refusal.empty()) answer->second = refusal;
        timeline_.add(actor.name, "acpi", refusal.empty() ? ost_text(0) : refusal);
        if (unplugs) MEMRIG_CHECK(await_word_of_refusal(actor));
    }
    return {};
}

// What QEMU says of a virtio-mem device, who keeps account of it has to come to know.
Status Cast::compare_sizes() {
    HotplugApi* api = machine_.hotplug_api();
    const bool any = std::ranges::any_of(order_.schedule.actors, [](const Actor& actor) {
        return actor.kind == ActorKind::adder && actor.device == MemoryDevice::virtio_mem;
    });
    if (api == nullptr || !any) return {};
    const auto give_up = Deadline::after(kQmpPatience);
    MEMRIG_TRY(const VirtioMem device, find_virtio_mem(machine_.qmp(), give_up));
    return api->knows(device.id) ? api->await_size(device.id, device.bytes, give_up) : Status();
}

// Whatever is said on the console beside it: QEMU's word is the stronger one.
Status Cast::hear_unplug_errors() {
    const auto events = machine_.qmp().events();
    for (const auto& actor : order_.schedule.actors) {
        const auto answer = seen.answers.find(actor.name);
        if (actor.kind != ActorKind::remover || answer == seen.answers.end() || answer->second != kDone) continue;
        if (!unplug_failed(events, actor.device_id)) continue;
        answer->second = unplug_error_answer();
        timeline_.add(actor.name, "qmp", answer->second);
        MEMRIG_CHECK(await_word_of_refusal(actor));
    }
    return {};
}

// Who keeps account of the device has to hear of a refusal that was expected, too.
Status Cast::await_word_of_refusal(const Actor& actor) {
    const std::string& answer = seen.answers[actor.name];
    HotplugApi* api = machine_.hotplug_api();
    if (answer == kDone || !actor.expects_answer(answer) || api == nullptr || !api->knows(actor.device_id)) return {};
    return api->await_refusal(actor.device_id, Deadline::after(kQmpPatience));
}

// Whose device is gone needs its backend no more, and QEMU does not remove it by itself: a management layer does.
Status Cast::remove_left_backends() {
    const auto give_up = Deadline::after(kQmpPatience);
    MEMRIG_TRY(const QemuMemory now, look_at_qemu(machine_.qmp(), give_up));
    for (const auto& actor : order_.schedule.actors) {
        if (actor.kind != ActorKind::adder || actor.device != MemoryDevice::pc_dimm) continue;
        if (seen.answers[actor.name] != kDone || now.devices.contains(actor.device_id)) continue;
        HotplugApi* api = machine_.hotplug_api();
        if (api != nullptr && api->knows(actor.device_id)) MEMRIG_CHECK(api->await_release(actor.device_id, give_up));
        else if (now.backends.contains(backend_of(actor)))
            MEMRIG_CHECK(remove_backend(machine_.qmp(), backend_of(actor), give_up));
    }
    return {};
}

}  // namespace memrig
