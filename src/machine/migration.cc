#include "machine/migration.h"

namespace memrig {

namespace {

Status run(QmpClient& qmp, const std::string& command, const nlohmann::json& arguments, Deadline deadline) {
    const auto answer = qmp.execute(command, arguments, deadline);
    if (!answer) return in_context(answer.error().error(), command);
    return {};
}

Status announce(QmpClient& qmp, Deadline deadline) {
    const nlohmann::json events = {{{"capability", "events"}, {"state", true}}};
    return run(qmp, "migrate-set-capabilities", {{"capabilities", events}}, deadline);
}

Status await_end(QmpClient& qmp, const std::string& what, Deadline deadline) {
    const auto ended = [](const QmpEvent& event) {
        return event.name == "MIGRATION" &&
               (event.data.value("status", "") == "completed" || event.data.value("status", "") == "failed");
    };
    const auto event = qmp.wait_event(ended, 0, deadline);
    if (!event) return in_context(event.error().error(), what);
    if (event->data.value("status", "") == "failed") return fail(Fault::rig, "{} failed in QEMU", what);
    return {};
}

}  // namespace

Status save_state(QmpClient& qmp, const std::string& uri, Deadline deadline) {
    MEMRIG_CHECK(announce(qmp, deadline));
    constexpr std::uint64_t unlimited = 1ull << 40;  // bytes a second
    MEMRIG_CHECK(run(qmp, "migrate-set-parameters", {{"max-bandwidth", unlimited}}, deadline));
    MEMRIG_CHECK(run(qmp, "migrate", {{"uri", uri}}, deadline));
    return await_end(qmp, "saving the guest", deadline);
}

Status load_state(QmpClient& qmp, const std::string& uri, Deadline deadline) {
    MEMRIG_CHECK(announce(qmp, deadline));
    MEMRIG_CHECK(run(qmp, "migrate-incoming", {{"uri", uri}}, deadline));
    return await_end(qmp, "restoring the guest", deadline);
}

}  // namespace memrig
