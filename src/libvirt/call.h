// Makes libvirt calls that a deadline or the user can cut short. libvirt's calls cannot be interrupted, so each runs on
// a thread of its own, which ends when libvirt answers.
#pragma once

#include <memory>
#include <thread>
#include <type_traits>

#include "libvirt/handles.h"
#include "qmp/one_shot.h"

namespace memrig {

// Runs `call()` on such a thread, and returns what to wait on for its result. `call` must own everything that it uses.
template <class Call>
auto call_apart(Call call) {
    const auto reply = std::make_shared<OneShot<std::invoke_result_t<Call>>>();
    std::thread([reply, call = std::move(call)]() mutable { reply->set(call()); }).detach();
    return reply;
}

// Returns the outcome of `call(domain)`, or an error once `deadline` has passed or the user asks to stop.
template <class Call>
auto call_libvirt(const Connection& connection, virDomainPtr domain, Deadline deadline, Call call) {
    return call_apart(
               [connection, shared = share(domain), call = std::move(call)]() mutable { return call(shared.get()); })
        ->wait(deadline);
}

}  // namespace memrig
