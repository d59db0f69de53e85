// A scripted QMP session, for the tests of what is built on QMP.
#pragma once

#include <deque>
#include <mutex>
#include <optional>

#include "qmp/event_queue.h"
#include "qmp/qmp_client.h"
#include "qmp/transcript.h"

namespace memrig {

// Commands must come in the order in which they are expected; any other is refused with the class "Unexpected" and
// noted in mistakes(). Thread-safe once scripted.
class FakeQmpClient final : public QmpClient {
public:
    // One command and what comes of it. Return values are chained: fake.expect("device_add").refuse(...).
    class Step {
    public:
        Step& with(nlohmann::json arguments);  // the exact arguments; any, if not said
        Step& out_of_band();                   // must be asked for ahead of the queue
        Step& reply(nlohmann::json value);     // {} if not said
        Step& refuse(std::string error_class, std::string description);
        Step& fail(QmpFault fault);
        // An event that QEMU sends before the answer.
        Step& event(std::string name, nlohmann::json data = nlohmann::json::object());

    private:
        friend class FakeQmpClient;
        std::string command_;
        std::optional<nlohmann::json> arguments_;
        bool out_of_band_ = false;
        QmpResult<nlohmann::json> outcome_ = nlohmann::json::object();
        std::vector<std::pair<std::string, nlohmann::json>> events_;
    };

    // The reference stays good until the step is taken.
    Step& expect(std::string command);
    void push_event(std::string name, nlohmann::json data = nlohmann::json::object(),
                    std::chrono::microseconds stamp = {});
    // As if QEMU were gone: waits and all commands from here on fail with it.
    void end(QmpFault fault = QmpFault::transport);
    void set_out_of_band(bool offered);
    // Whether wait_event really waits, for a test that pushes events from another thread. If not, an event that is
    // not there yet is QmpFault::deadline at once.
    void set_patient(bool patient);

    // What was asked for though not expected, and what was expected though never asked for; empty if all went by the
    // script.
    std::vector<std::string> mistakes();

    QmpResult<nlohmann::json> execute(const std::string& command, const nlohmann::json& arguments, Deadline) override;
    QmpResult<nlohmann::json> execute_out_of_band(const std::string& command, const nlohmann::json& arguments,
                                                  Deadline) override;
    [[nodiscard]] bool out_of_band() const override;
    QmpResult<QmpEvent> wait_event(const std::function<bool(const QmpEvent&)>& wanted, std::uint64_t after,
                                   Deadline deadline) override;
    std::vector<QmpEvent> events() override { return events_.all(); }
    std::vector<QmpLine> transcript() override { return transcript_.lines(); }

private:
    QmpResult<nlohmann::json> run(const std::string& command, const nlohmann::json& arguments, bool out_of_band);

    mutable std::mutex mutex_;
    std::deque<Step> script_;
    std::vector<std::string> mistakes_;
    std::optional<QmpError> end_;
    bool out_of_band_ = true;
    bool patient_ = false;
    EventQueue events_;
    Transcript transcript_;
};

}  // namespace memrig
