// A scripted QMP session, for tests of code that uses QMP.
#pragma once

#include <deque>
#include <mutex>
#include <optional>

#include "qmp/event_queue.h"
#include "qmp/qmp_client.h"
#include "qmp/transcript.h"

namespace memrig {

// Commands must come in the order of the script. Any other command is refused with the class "Unexpected" and noted in
// mistakes(). Thread-safe once the script is complete.
class FakeQmpClient final : public QmpClient {
public:
    // One expected command and its outcome. Calls can be chained: fake.expect("device_add").refuse(...).
    class Step {
    public:
        Step& with(nlohmann::json arguments);  // the exact arguments; default: any
        Step& out_of_band();                   // the command must be sent out of band
        Step& reply(nlohmann::json value);     // default: {}
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

    // The reference stays valid until the command comes.
    Step& expect(std::string command);
    void push_event(std::string name, nlohmann::json data = nlohmann::json::object(),
                    std::chrono::microseconds stamp = {});
    // Behaves as if QEMU were gone: all waits and commands fail with `fault` from now on.
    void end(QmpFault fault = QmpFault::transport);
    void set_out_of_band(bool offered);
    // Lets wait_event() really wait, for a test that pushes events from another thread. If `patient` is false,
    // wait_event() fails at once with QmpFault::deadline unless the event is there.
    void set_patient(bool patient);

    // The commands that came unexpectedly, and the expected ones that never came. Empty if all followed the script.
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
