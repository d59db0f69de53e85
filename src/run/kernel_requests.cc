#include "run/kernel_requests.h"

#include <chrono>

#include <fmt/format.h>

#include "play/while_running.h"

namespace memrig {

namespace {
constexpr auto kRequestPatience = std::chrono::minutes(1);
}  // namespace

Result<bool> hear_last_word(Machine& machine, Conductor& conductor, unsigned trial) {
    const std::string word = fmt::format("memrig: the end of trial {}", trial);
    const std::size_t from = machine.console().size();
    const Status asked = while_running(conductor, [&] {
        return machine.agent().write_guest_file("/dev/kmsg", "<2>" + word + "\n", Deadline::after(kRequestPatience));
    });
    if (!asked && asked.error().fault != Fault::guest) return std::unexpected(asked.error());
    return machine.console().wait_for(word, from, Deadline::after(kRequestPatience));
}

Status ask_kernel_for_veto(Machine& machine, Conductor& conductor, const std::optional<VetoSpec>& veto) {
    if (!veto || veto->by != VetoSpec::By::kernel) return {};
    const std::string file =
        fmt::format("/sys/kernel/debug/notifier-error-inject/memory/actions/{}/error", to_string(veto->notice));
    const Status written = while_running(conductor, [&] {
        return machine.agent().write_guest_file(file, std::to_string(-veto->error), Deadline::after(kRequestPatience));
    });
    if (!written && written.error().fault == Fault::guest)
        return fail_with({Fault::user_input, "this kernel has no error injector for memory notifiers", {}},
                         "it comes with CONFIG_MEMORY_NOTIFIER_ERROR_INJECT, as in the ref-* kernels");
    MEMRIG_CHECK(written);
    return conductor.pause();
}

}  // namespace memrig
