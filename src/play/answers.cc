#include "play/answers.h"

#include <algorithm>

#include "hotplug/acpi_ost.h"
#include "hotplug/dimm.h"
#include "hotplug/unplug_error.h"
#include "hotplug/virtio_mem.h"
#include "play/while_running.h"

namespace memrig {

namespace {
using namespace std::chrono_literals;
constexpr auto kConsolePatience = 30s;
}  // namespace

Status Answers::remove_left_backends() {
    Machine& machine = context_.machine;
    const auto give_up = Deadline::after(kQmpPatience);
    MEMRIG_TRY(const QemuMemory now, look_at_qemu(machine.qmp(), give_up));
    for (const auto& actor : context_.schedule().actors) {
        if (actor.kind != ActorKind::adder || actor.device != MemoryDevice::pc_dimm) continue;
        const bool was_there = actor.at_boot || context_.record.answer_of(actor.name) == kDone;
        if (!was_there || now.devices.contains(actor.device_id)) continue;
        HotplugApi* api = machine.hotplug_api();
        if (api != nullptr && api->knows(actor.device_id)) MEMRIG_CHECK(api->await_release(actor.device_id, give_up));
        else if (now.backends.contains(backend_of(actor)))
            MEMRIG_CHECK(remove_backend(machine.qmp(), backend_of(actor), give_up));
    }
    return {};
}

Status Answers::compare_sizes() {
    HotplugApi* api = context_.machine.hotplug_api();
    const bool any = std::ranges::any_of(context_.schedule().actors, [](const Actor& actor) {
        return actor.kind == ActorKind::adder && actor.device == MemoryDevice::virtio_mem;
    });
    if (api == nullptr || !any) return {};
    const auto give_up = Deadline::after(kQmpPatience);
    MEMRIG_TRY(const VirtioMem device, find_virtio_mem(context_.machine.qmp(), give_up));
    return api->knows(device.id) ? api->await_size(device.id, device.bytes, give_up) : Status();
}

// QEMU has passed the request on to the kernel where its own answer is "done". All its events from before that answer
// have been received.
Status Answers::collect_acpi_status() {
    const auto events = context_.machine.qmp().events();
    for (const auto& actor : context_.schedule().actors) {
        const bool unplugs = actor.kind == ActorKind::remover;
        const bool by_acpi = std::ranges::find(actor.entry, "acpi_device_hotplug") != actor.entry.end();
        if (!by_acpi || context_.record.answer_of(actor.name) != kDone) continue;
        const std::string refusal =
            acpi_refusal(events, actor.device_id, unplugs ? OstSource::ejection_request : OstSource::device_check);
        if (!refusal.empty()) context_.record.note_answer(actor.name, refusal);
        context_.record.add_event(actor.name, "acpi", refusal.empty() ? ost_text(0) : refusal);
        if (unplugs) MEMRIG_CHECK(await_notice_of_refusal(actor));
    }
    return {};
}

Status Answers::collect_unplug_errors() {
    const auto events = context_.machine.qmp().events();
    for (const auto& actor : context_.schedule().actors) {
        if (actor.kind != ActorKind::remover || context_.record.answer_of(actor.name) != kDone) continue;
        if (!unplug_failed(events, actor.device_id)) continue;
        context_.record.note_answer(actor.name, unplug_error_answer());
        context_.record.add_event(actor.name, "qmp", unplug_error_answer());
        MEMRIG_CHECK(await_notice_of_refusal(actor));
    }
    return {};
}

Status Answers::await_notice_of_refusal(const Actor& actor) {
    const std::string answer = context_.record.answer_of(actor.name);
    HotplugApi* api = context_.machine.hotplug_api();
    if (answer == kDone || !actor.expects_answer(answer) || api == nullptr || !api->knows(actor.device_id)) return {};
    return api->await_refusal(actor.device_id, Deadline::after(kQmpPatience));
}

// The console is in order: once it shows a line of ours, it shows all that was printed before.
Status Answers::await_console() {
    constexpr const char* last_line = "memrig: all that was said before has been printed";
    MEMRIG_CHECK(while_running(context_.conductor, [&] {
        return context_.agent().write_guest_file("/dev/kmsg", fmt::format("<3>{}\n", last_line),
                                                 Deadline::after(kAgentPatience));
    }));
    const auto printed = [&] { return context_.machine.console().text().find(last_line) != std::string::npos; };
    const auto give_up = Deadline::after(kConsolePatience);
    while (!printed() && !give_up.expired()) MEMRIG_CHECK(context_.conductor.run_until(printed, Deadline::after(20ms)));
    if (!printed()) return fail(Fault::guest, "the console does not show what the kernel prints");
    return {};
}

Status Answers::collect_console_refusals() {
    const auto on_console = [](const Actor& actor) {
        return std::ranges::find(actor.refusals, "console", &Refusal::by) != actor.refusals.end();
    };
    if (std::ranges::none_of(context_.schedule().actors, on_console)) return {};
    MEMRIG_CHECK(await_console());
    const std::string text = context_.machine.console().text();
    for (const auto& actor : context_.schedule().actors)
        for (const auto& refusal : actor.refusals)
            if (refusal.by == "console" && text.find(refusal.text) != std::string::npos &&
                context_.record.answer_of(actor.name) == kDone)
                context_.record.note_answer(actor.name, refusal.shown());
    return {};
}

}  // namespace memrig
