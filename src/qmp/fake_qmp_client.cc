#include "qmp/fake_qmp_client.h"

namespace memrig {

using nlohmann::json;
using Step = FakeQmpClient::Step;

Step& Step::with(json arguments) {
    arguments_ = std::move(arguments);
    return *this;
}

Step& Step::out_of_band() {
    out_of_band_ = true;
    return *this;
}

Step& Step::reply(json value) {
    outcome_ = std::move(value);
    return *this;
}

Step& Step::refuse(std::string error_class, std::string description) {
    outcome_ = std::unexpected(QmpError{QmpFault::refused, std::move(error_class), std::move(description)});
    return *this;
}

Step& Step::fail(QmpFault fault) {
    outcome_ = std::unexpected(QmpError{fault, {}, "scripted"});
    return *this;
}

Step& Step::event(std::string name, json data) {
    events_.emplace_back(std::move(name), std::move(data));
    return *this;
}

Step& FakeQmpClient::expect(std::string command) {
    const std::lock_guard guard(mutex_);
    script_.emplace_back().command_ = std::move(command);
    return script_.back();
}

void FakeQmpClient::push_event(std::string name, json data, std::chrono::microseconds stamp) {
    transcript_.add(false, json{{"event", name}, {"data", data}}.dump());
    QmpEvent event;
    event.name = std::move(name);
    event.data = std::move(data);
    event.stamp = stamp;
    event.seen = std::chrono::steady_clock::now();
    events_.push(std::move(event));
}

void FakeQmpClient::end(QmpFault fault) {
    const QmpError why{fault, {}, "scripted"};
    const std::lock_guard guard(mutex_);
    end_ = why;
    events_.end(why);
}

void FakeQmpClient::set_out_of_band(bool offered) {
    const std::lock_guard guard(mutex_);
    out_of_band_ = offered;
}

void FakeQmpClient::set_patient(bool patient) {
    const std::lock_guard guard(mutex_);
    patient_ = patient;
}

std::vector<std::string> FakeQmpClient::mistakes() {
    const std::lock_guard guard(mutex_);
    std::vector<std::string> all = mistakes_;
    for (const Step& step : script_) all.push_back("never asked for: " + step.command_);
    return all;
}

bool FakeQmpClient::out_of_band() const {
    const std::lock_guard guard(mutex_);
    return out_of_band_;
}

QmpResult<json> FakeQmpClient::execute(const std::string& command, const json& arguments, Deadline) {
    return run(command, arguments, false);
}

QmpResult<json> FakeQmpClient::execute_out_of_band(const std::string& command, const json& arguments, Deadline) {
    if (!out_of_band())
        return std::unexpected(
            QmpError{QmpFault::refused, "GenericError", "this monitor offers no out-of-band commands"});
    return run(command, arguments, true);
}

QmpResult<QmpEvent> FakeQmpClient::wait_event(const std::function<bool(const QmpEvent&)>& wanted, std::uint64_t after,
                                              Deadline deadline) {
    bool patient = false;
    {
        const std::lock_guard guard(mutex_);
        patient = patient_;
    }
    return events_.wait(wanted, after, patient ? deadline : Deadline(SteadyTime::min()));
}

QmpResult<json> FakeQmpClient::run(const std::string& command, const json& arguments, bool out_of_band) {
    transcript_.add(true, json{{out_of_band ? "exec-oob" : "execute", command}, {"arguments", arguments}}.dump());
    Step step;
    {
        const std::lock_guard guard(mutex_);
        if (end_) return std::unexpected(*end_);
        const bool expected = !script_.empty() && script_.front().command_ == command &&
                              script_.front().out_of_band_ == out_of_band &&
                              (!script_.front().arguments_ || *script_.front().arguments_ == arguments);
        if (!expected) {
            mistakes_.push_back(
                fmt::format("not expected: {}{} {}", command, out_of_band ? " (out of band)" : "", arguments.dump()));
            return std::unexpected(QmpError{QmpFault::refused, "Unexpected", mistakes_.back()});
        }
        step = std::move(script_.front());
        script_.pop_front();
    }
    for (auto& [name, data] : step.events_) push_event(std::move(name), std::move(data));
    return step.outcome_;
}

}  // namespace memrig
