// The answers: what QEMU and the kernel say to the devices that the actors plugged and unplugged, and the cleaning up
// behind them that a management layer does.
#pragma once

#include "play/context.h"

namespace memrig {

// Not thread-safe. All answers go into the record. An actor that QEMU has refused already keeps that answer.
class Answers {
public:
    explicit Answers(PlayContext context) : context_(context) {}

    // QEMU does not remove the backend of a device that is gone. A management layer does, and so does this.
    Status remove_left_backends();
    // Waits until the management layer knows the size of the virtio-mem device that QEMU has.
    Status compare_sizes();
    // Collects the status that the kernel reports for each device by ACPI's _OST.
    Status collect_acpi_status();
    // The devices that the guest refused to give back. QEMU's word is stronger than what is on the console.
    Status collect_unplug_errors();
    // Collects the refusals that the kernel prints on the console. Needs a running guest.
    Status collect_console_refusals();

private:
    // Waits until all that the kernel has printed by now is on the console.
    Status await_console();
    // An expected refusal has to reach the management layer, too.
    Status await_notice_of_refusal(const Actor& actor);

    PlayContext context_;
};

}  // namespace memrig
