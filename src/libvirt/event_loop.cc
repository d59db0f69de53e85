#include "libvirt/event_loop.h"

#include <csignal>
#include <memory>
#include <mutex>
#include <thread>

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "libvirt/handles.h"
#include "qmp/one_shot.h"

namespace memrig {

namespace {

using Passed = OneShot<bool>;

void run_loop() {
    for (;;)
        if (virEventRunDefaultImpl() < 0) virResetLastError();
}

Status start() {
    virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});  // the caller reports errors
    if (virEventRegisterDefaultImpl() < 0) return std::unexpected(libvirt_error(Fault::host, "libvirt's event loop"));
    // The loop's thread blocks all signals: they are for the program's own threads.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread(run_loop).detach();
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return {};
}

}  // namespace

Status start_event_loop() {
    static const Status started = start();
    return started;
}

// The loop calls due timers in the order in which they were added. It calls a timer that is added meanwhile in the next
// round.
Status pass_event_loop(Deadline deadline) {
    auto passed = std::make_unique<std::shared_ptr<Passed>>(std::make_shared<Passed>());
    const std::shared_ptr<Passed> mine = *passed;
    const auto pass = [](int timer, void* opaque) {
        (*static_cast<std::shared_ptr<Passed>*>(opaque))->set(true);
        virEventRemoveTimeout(timer);
    };
    const auto release = [](void* opaque) { delete static_cast<std::shared_ptr<Passed>*>(opaque); };
    if (virEventAddTimeout(0, pass, passed.get(), release) < 0)
        return std::unexpected(libvirt_error(Fault::rig, "libvirt's event loop"));
    (void)passed.release();
    if (const auto waited = mine->wait(deadline); !waited)
        return in_context(waited.error().error(), "libvirt's event loop");
    return {};
}

}  // namespace memrig
