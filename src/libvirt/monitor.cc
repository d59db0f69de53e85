#include "libvirt/monitor.h"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/json_text.h"
#include "libvirt/call.h"
#include "libvirt/event_loop.h"
#include "qmp/event_queue.h"
#include "qmp/transcript.h"
#include "qmp/wire.h"

namespace memrig {

namespace {

using namespace std::chrono_literals;
constexpr auto kEventPatience = 10s;

struct Inbox {
    std::shared_ptr<const DeviceNames> names;
    EventQueue events;
    Transcript transcript;
};

std::string text_of(const nlohmann::json& message) { return json_line(message); }

// Decodes QEMU's answer, which libvirt passes on unchanged.
QmpResult<nlohmann::json> decode_answer(const std::string& text) {
    const auto message = parse_bounded(text);
    if (!message || !message->is_object()) return std::unexpected(QmpError{QmpFault::protocol, {}, "no JSON object"});
    if (message->contains("return")) return message->at("return");
    const auto string_at = [&](const char* path) {
        const nlohmann::json::json_pointer pointer(path);
        return message->contains(pointer) && message->at(pointer).is_string() ? message->at(pointer).get<std::string>()
                                                                              : "";
    };
    if (!message->contains("error")) return std::unexpected(QmpError{QmpFault::protocol, {}, "no answer in it"});
    return std::unexpected(decode_failure("refused", string_at("/error/class"), string_at("/error/desc")));
}

QmpResult<nlohmann::json> ask(virDomainPtr domain, const std::string& line, int descriptor, Inbox& inbox) {
    inbox.transcript.add(true, line);
    char* raw = nullptr;
    const int done = descriptor < 0 ? virDomainQemuMonitorCommand(domain, line.c_str(), &raw, 0)
                                    : virDomainQemuMonitorCommandWithFiles(domain, line.c_str(), 1, &descriptor,
                                                                           nullptr, nullptr, &raw, 0);
    const Text answer(raw);
    if (done < 0 || !answer)
        return std::unexpected(QmpError{QmpFault::transport, {}, libvirt_error(Fault::rig, "libvirt").message});
    inbox.transcript.add(false, answer.get());
    auto decoded = decode_answer(answer.get());
    if (!decoded) return decoded;
    return inbox.names->from_qemu(std::move(*decoded));
}

class Monitor final : public LibvirtMonitor {
public:
    Monitor(Connection connection, Domain domain, std::shared_ptr<const DeviceNames> names)
        : connection_(std::move(connection)), domain_(std::move(domain)), inbox_(std::make_shared<Inbox>()) {
        inbox_->names = std::move(names);
    }
    Monitor(const Monitor&) = delete;
    Monitor& operator=(const Monitor&) = delete;
    ~Monitor() override {
        if (registration_ >= 0) virConnectDomainQemuMonitorEventDeregister(connection_.get(), registration_);
        inbox_->events.end({QmpFault::transport, {}, "the session is closed"});
    }

    Status listen();

    QmpResult<nlohmann::json> execute(const std::string& command, const nlohmann::json& arguments,
                                      Deadline deadline) override {
        return run(command, arguments, Descriptor(), deadline);
    }
    QmpResult<nlohmann::json> execute_out_of_band(const std::string&, const nlohmann::json&, Deadline) override {
        return std::unexpected(QmpError{QmpFault::refused, "CommandNotFound", "libvirt has no out-of-band commands"});
    }
    [[nodiscard]] bool out_of_band() const override { return false; }
    QmpResult<QmpEvent> wait_event(const std::function<bool(const QmpEvent&)>& wanted, std::uint64_t after,
                                   Deadline deadline) override {
        return inbox_->events.wait(wanted, after, deadline);
    }
    std::vector<QmpEvent> events() override;
    std::vector<QmpLine> transcript() override { return inbox_->transcript.lines(); }
    Status hand_over(const std::string& name, int descriptor, Deadline deadline) override {
        Descriptor copy(::dup(descriptor));
        if (!copy.valid()) return fail_errno(Fault::host, "copy a descriptor");
        const auto done = run("getfd", {{"fdname", name}}, std::move(copy), deadline);
        if (!done) {
            Error error = done.error().error();
            error.remedy = advise_on_descriptor(error.message);
            return in_context(std::move(error), "getfd");
        }
        return {};
    }

private:
    QmpResult<nlohmann::json> run(const std::string& command, const nlohmann::json& arguments, Descriptor descriptor,
                                  Deadline deadline);

    Connection connection_;
    Domain domain_;
    std::shared_ptr<Inbox> inbox_;
    int registration_ = -1;
};

Status Monitor::listen() {
    const auto receive = [](virConnectPtr, virDomainPtr, const char* name, long long seconds, unsigned int micros,
                            const char* details, void* opaque) {
        const auto& inbox = *static_cast<std::shared_ptr<Inbox>*>(opaque);
        const nlohmann::json message = {
            {"event", name},
            {"data", inbox->names->from_qemu(
                         parse_bounded(details == nullptr ? "{}" : details).value_or(nlohmann::json::object()))},
            {"timestamp", {{"seconds", seconds}, {"microseconds", micros}}}};
        const std::string line = text_of(message);
        inbox->transcript.add(false, line);
        if (auto event = decode_event(line)) inbox->events.push(std::move(*event));
    };
    const auto release = [](void* opaque) { delete static_cast<std::shared_ptr<Inbox>*>(opaque); };
    auto mine = std::make_unique<std::shared_ptr<Inbox>>(inbox_);
    registration_ = virConnectDomainQemuMonitorEventRegister(connection_.get(), domain_.get(), nullptr, receive,
                                                             mine.get(), release, 0);
    if (registration_ < 0) return std::unexpected(libvirt_error(Fault::rig, "receive QEMU's events through libvirt"));
    (void)mine.release();
    return {};
}

QmpResult<nlohmann::json> Monitor::run(const std::string& command, const nlohmann::json& arguments,
                                       Descriptor descriptor, Deadline deadline) {
    nlohmann::json message = {{"execute", command}};
    if (!arguments.empty()) message["arguments"] = inbox_->names->to_qemu(arguments);
    const std::string line = text_of(message);
    auto outcome = call_libvirt(connection_, domain_.get(), deadline,
                                [line, inbox = inbox_, passed = std::move(descriptor)](virDomainPtr domain) {
                                    return ask(domain, line, passed.get(), *inbox);
                                });
    if (outcome) return std::move(*outcome);
    if (outcome.error().fault == QmpFault::deadline)
        outcome.error().description = "no answer to " + command + " in time";
    return std::unexpected(outcome.error());
}

// libvirtd sends pending events before it serves the next call, and pass_event_loop() waits until our loop has
// delivered them.
std::vector<QmpEvent> Monitor::events() {
    (void)virDomainIsActive(domain_.get());
    (void)pass_event_loop(Deadline::after(kEventPatience));
    return inbox_->events.all();
}

}  // namespace

Result<std::unique_ptr<LibvirtMonitor>> open_monitor(const Connection& connection, virDomainPtr domain,
                                                     std::shared_ptr<const DeviceNames> names) {
    auto monitor = std::make_unique<Monitor>(connection, share(domain), std::move(names));
    MEMRIG_CHECK(monitor->listen());
    return monitor;
}

}  // namespace memrig
