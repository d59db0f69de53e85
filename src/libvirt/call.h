// libvirt's calls cannot be broken off: each has a thread of its own, which ends when libvirt answers.
#pragma once

#include <memory>
#include <thread>
#include <type_traits>

#include "libvirt/handles.h"
#include "qmp/one_shot.h"

namespace memrig {

// The outcome of `call(domain)` on such a thread; an error once `deadline` has passed or the user asks to stop. `call` owns all else that it
// uses.
template <class Call>
auto call_libvirt(const Connection& connection, virDomainPtr domain, Deadline deadline, Call call) {
    using Outcome = std::invoke_result_t<Call, virDomainPtr>;
    const auto reply = std::make_shared<OneShot<Outcome>>();
    std::thread([reply, connection, shared = share(domain), call = std::move(call)]() mutable {
        reply->set(call(shared.get()));
    }).detach();
    return reply->wait(deadline);
}

}  // namespace memrig
