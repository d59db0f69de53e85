#include <sys/socket.h>

#include <pybind11/embed.h>

#include "base/descriptor.h"
#include "base/json_text.h"
#include "qmp/event_queue.h"
#include "qmp/one_shot.h"
#include "qmp/python_runtime.h"
#include "qmp/qmp_client.h"
#include "qmp/transcript.h"
#include "qmp/wire.h"

namespace py = pybind11;

namespace memrig {

namespace {

using Reply = OneShot<QmpResult<nlohmann::json>>;

// Python's loop thread fills it, and memrig's threads wait on it. Python's callbacks share it, so it may outlive the
// client. The loop thread takes its locks with the GIL held, so no thread may wait for the GIL while it holds one of
// them.
struct Inbox {
    EventQueue events;
    Transcript transcript;
    OneShot<QmpResult<bool>> opened;  // whether the server offers out-of-band commands
    OneShot<QmpError> ended;
};

// Holds the GIL. Destructors need it too, and pybind11's own class for this may throw.
class Gil {
public:
    Gil() : state_(PyGILState_Ensure()) {}
    Gil(const Gil&) = delete;
    Gil& operator=(const Gil&) = delete;
    ~Gil() { PyGILState_Release(state_); }

private:
    PyGILState_STATE state_;
};

std::string_view view(const py::bytes& bytes) {
    return {PyBytes_AS_STRING(bytes.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.ptr()))};
}

// A Session of rig/qmp.py. Any thread may use and destroy it.
class PythonSession {
public:
    // Takes over `socket`.
    static Result<std::shared_ptr<PythonSession>> open(Descriptor socket, const std::shared_ptr<Inbox>& inbox) {
        const Gil gil;
        try {
            const py::module_ module = py::module_::import(kQmpModule);
            py::object session = module.attr("open_soon")(
                socket.release(), py::cpp_function([inbox](bool out_of_band) { inbox->opened.set(out_of_band); }),
                py::cpp_function([inbox](const std::string& kind, const std::string& description) {
                    const QmpError why = decode_failure(kind, {}, description);
                    inbox->opened.set(std::unexpected(why));
                    inbox->events.end(why);
                    inbox->ended.set(why);
                }),
                py::cpp_function([inbox](const py::bytes& line) {
                    auto event = decode_event(view(line));
                    if (event) inbox->events.push(std::move(*event));
                    return event.has_value();
                }),
                py::cpp_function(
                    [inbox](bool sent, const py::bytes& line) { inbox->transcript.add(sent, view(line)); }));
            return std::make_shared<PythonSession>(std::move(session));
        } catch (const std::exception& error) {
            return fail(Fault::rig, "cannot open a QMP session: {}", error.what());
        }
    }

    explicit PythonSession(py::object session) : session_(std::move(session)) {}
    PythonSession(const PythonSession&) = delete;
    PythonSession& operator=(const PythonSession&) = delete;
    ~PythonSession() {
        const Gil gil;
        session_.release().dec_ref();
    }

    std::shared_ptr<Reply> submit(const std::string& command, const std::string& arguments, bool out_of_band) {
        auto reply = std::make_shared<Reply>();
        const Gil gil;
        try {
            session_.attr("submit")(command, arguments, out_of_band,
                                    py::cpp_function([reply](const std::string& kind, const std::string& error_class,
                                                             const std::string& text) {
                                        reply->set(decode_outcome(kind, error_class, text));
                                    }));
        } catch (const std::exception& error) {
            reply->set(std::unexpected(QmpError{QmpFault::protocol, {}, error.what()}));
        }
        return reply;
    }

    // For destructors, so without exceptions. It fails only if memory runs out; the socket then closes with the
    // process.
    void close_soon() noexcept {
        const Gil gil;
        PyObject* none = PyObject_CallMethod(session_.ptr(), "close_soon", nullptr);
        if (none == nullptr) PyErr_Clear();
        Py_XDECREF(none);
    }

private:
    py::object session_;
};

class PythonQmpClient final : public QmpClient {
public:
    PythonQmpClient(std::shared_ptr<PythonSession> session, std::shared_ptr<Inbox> inbox)
        : session_(std::move(session)), inbox_(std::move(inbox)) {}
    PythonQmpClient(const PythonQmpClient&) = delete;
    PythonQmpClient& operator=(const PythonQmpClient&) = delete;

    ~PythonQmpClient() override {
        session_->close_soon();
        // The monitor serves one client at a time, and must be free for the next one. This usually takes milliseconds.
        inbox_->ended.wait_to_the_end(Deadline::after(std::chrono::seconds(1)));
    }

    // Waits until the session is ready for commands.
    QmpResult<void> wait_open(Deadline deadline) {
        auto opened = inbox_->opened.wait(deadline);
        if (!opened) return std::unexpected(opened.error());
        if (!*opened) return std::unexpected(opened->error());
        out_of_band_ = **opened;
        return {};
    }

    QmpResult<nlohmann::json> execute(const std::string& command, const nlohmann::json& arguments,
                                      Deadline deadline) override {
        return run(command, arguments, false, deadline);
    }
    QmpResult<nlohmann::json> execute_out_of_band(const std::string& command, const nlohmann::json& arguments,
                                                  Deadline deadline) override {
        return run(command, arguments, true, deadline);
    }
    [[nodiscard]] bool out_of_band() const override { return out_of_band_; }
    QmpResult<QmpEvent> wait_event(const std::function<bool(const QmpEvent&)>& wanted, std::uint64_t after,
                                   Deadline deadline) override {
        return inbox_->events.wait(wanted, after, deadline);
    }
    std::vector<QmpEvent> events() override { return inbox_->events.all(); }
    std::vector<QmpLine> transcript() override { return inbox_->transcript.lines(); }

private:
    QmpResult<nlohmann::json> run(const std::string& command, const nlohmann::json& arguments, bool out_of_band,
                                  Deadline deadline) {
        const std::string text = arguments.empty() ? "" : json_line(arguments);
        const auto reply = session_->submit(command, text, out_of_band);
        auto outcome = reply->wait(deadline);
        if (outcome) return std::move(*outcome);
        if (outcome.error().fault == QmpFault::deadline)
            outcome.error().description = "no answer to " + command + " in time";
        return std::unexpected(outcome.error());
    }

    std::shared_ptr<PythonSession> session_;
    std::shared_ptr<Inbox> inbox_;
    bool out_of_band_ = false;
};

}  // namespace

Result<std::unique_ptr<QmpClient>> connect_qmp(const std::string& socket_path, Deadline deadline) {
    MEMRIG_CHECK(start_python());
    MEMRIG_TRY(Descriptor socket, connect_unix(socket_path, deadline));
    const auto inbox = std::make_shared<Inbox>();
    MEMRIG_TRY(auto session, PythonSession::open(std::move(socket), inbox));
    auto client = std::make_unique<PythonQmpClient>(std::move(session), inbox);
    if (auto opened = client->wait_open(deadline); !opened) {
        if (opened.error().fault == QmpFault::deadline) opened.error().description = "no greeting in time";
        return in_context(opened.error().error(), "connecting to " + socket_path);
    }
    return client;
}

}  // namespace memrig
