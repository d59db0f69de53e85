#include <chrono>
#include <deque>
#include <mutex>
#include <sstream>

#include <fmt/ranges.h>

#include <fcntl.h>

#include "base/assert.h"
#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "base/shell.h"
#include "guest/agent_link.h"
#include "machine/machine.h"
#include "machine/migration.h"
#include "machine/observer_plugin.h"
#include "machine/qemu_command.h"
#include "observer/channel.h"
#include "probe/gdb_probe.h"

namespace memrig {

namespace {

using namespace std::chrono_literals;
constexpr auto kCommandPatience = 60s;
constexpr std::size_t kMostTranscript = 4u << 20;

struct Sockets {
    explicit Sockets(TemporaryDirectory made) : directory(std::move(made)) {}
    TemporaryDirectory directory;  // mode 0700
    Descriptor qmp, gdb, console, link;
    [[nodiscard]] std::string path(const char* name) const { return (directory.path() / name).string(); }
};

Result<Sockets> make_sockets() {
    MEMRIG_TRY(TemporaryDirectory directory, TemporaryDirectory::make("memrig"));
    Sockets sockets(std::move(directory));
    MEMRIG_TRY(sockets.qmp, listen_unix(sockets.path("qmp")));
    MEMRIG_TRY(sockets.gdb, listen_unix(sockets.path("gdb")));
    MEMRIG_TRY(sockets.console, listen_unix(sockets.path("console")));
    MEMRIG_TRY(sockets.link, listen_unix(sockets.path("link")));
    return sockets;
}

class QemuMachine final : public Machine {
public:
    QemuMachine(MachineSpec spec, Sockets sockets, fs::path output, std::unique_ptr<ObserverChannel> observer,
                Process process)
        : spec_(std::move(spec)),
          sockets_(std::move(sockets)),
          output_(std::move(output)),
          observer_(std::move(observer)),
          process_(std::move(process)) {}

    QemuMachine(const QemuMachine&) = delete;
    QemuMachine& operator=(const QemuMachine&) = delete;
    ~QemuMachine() override {
        logger(LogLayer::machine)
            .info("ends QEMU {} after {:.3f} s", process_.pid(), seconds(steady_clock().now() - born_));
    }

    Status connect(Deadline deadline);
    Status load(int descriptor, Deadline deadline);

    QmpClient& qmp() override {
        MEMRIG_ASSERT(qmp_, "the machine is connected, and was not handed over");
        return *qmp_;
    }
    Result<Probe*> probe() override;
    GuestLink& agent() override {
        MEMRIG_ASSERT(agent_, "the machine is connected, and was not handed over");
        return *agent_;
    }
    const ConsoleLog& console() const override {
        MEMRIG_ASSERT(console_, "the machine is connected, and was not handed over");
        return *console_;
    }
    std::optional<Error> death(Duration grace) override;
    Status start(Deadline deadline) override { return run("cont", {}, deadline); }
    Status save(const fs::path& file, Deadline deadline) override;
    std::string agent_transcript() override;
    Accelerator accelerator() const override { return spec_.accelerator; }
    ObserverChannel* observer() override { return observer_.get(); }
    int process_id() const override { return process_.pid(); }
    Result<Endpoints> hand_over(bool run_on) override;

    // Returns how QEMU ended, with its last output, if it ended during the start; else `seen`.
    Error startup_error(Error seen);

private:
    Status run(const std::string& command, const nlohmann::json& arguments, Deadline deadline);

    const SteadyTime born_ = steady_clock().now();
    std::mutex transcript_mutex_;
    std::string transcript_;
    MachineSpec spec_;
    Sockets sockets_;
    fs::path output_;
    std::unique_ptr<ObserverChannel> observer_;
    Process process_;
    // Declared after the process, so that they close before it is killed.
    std::unique_ptr<QmpClient> qmp_;
    std::unique_ptr<ConsoleLog> console_;
    std::unique_ptr<AgentLink> agent_;
    std::unique_ptr<Probe> probe_;
};

Status QemuMachine::connect(Deadline deadline) {
    // QEMU has copies of its own. With ours closed, a connection to a dead QEMU fails instead of waiting.
    for (Descriptor* ours : {&sockets_.qmp, &sockets_.console, &sockets_.link, &sockets_.gdb}) ours->close();
    MEMRIG_TRY(Descriptor console, connect_unix(sockets_.path("console"), deadline));
    console_ = std::make_unique<ConsoleLog>(std::move(console));
    MEMRIG_TRY(Descriptor link, connect_unix(sockets_.path("link"), deadline));
    const auto keep = [this](const TranscriptEntry& entry) {
        const std::lock_guard guard(transcript_mutex_);
        if (transcript_.size() < kMostTranscript) transcript_ += transcript_line(entry, born_) + "\n";
    };
    MEMRIG_TRY(agent_, AgentLink::open(std::move(link), keep));
    MEMRIG_TRY(qmp_, connect_qmp(sockets_.path("qmp"), deadline));
    return {};
}

Status QemuMachine::run(const std::string& command, const nlohmann::json& arguments, Deadline deadline) {
    const auto answer = qmp_->execute(command, arguments, deadline);
    if (!answer) return in_context(answer.error().error(), command);
    return {};
}

Result<Probe*> QemuMachine::probe() {
    if (!probe_) {
        MEMRIG_TRY(probe_,
                   connect_gdb_probe(sockets_.path("gdb"), Deadline::after(kCommandPatience), probe_options(spec_)));
    }
    return probe_.get();
}

std::string QemuMachine::agent_transcript() {
    const std::lock_guard guard(transcript_mutex_);
    return transcript_;
}

// The last lines that QEMU printed, joined to one.
std::string last_words(const fs::path& output) {
    constexpr std::size_t most_lines = 3;
    const auto text = read_file(output, 1 << 20);
    std::deque<std::string> lines;
    std::istringstream stream(text ? *text : std::string());
    for (std::string line; std::getline(stream, line);) {
        if (!line.empty()) lines.push_back(line);
        if (lines.size() > most_lines) lines.pop_front();
    }
    return fmt::format("{}", fmt::join(lines, "; "));
}

std::optional<Error> QemuMachine::death(Duration grace) {
    (void)process_.wait(Deadline::after(grace));
    const auto status = process_.poll();
    if (!status) return std::nullopt;
    const std::string words = last_words(output_);
    logger(LogLayer::machine).info("QEMU {} has ended: {}", process_.pid(), status->text());
    return Error{Fault::rig,
                 fmt::format("QEMU ended: {}{}", status->text(), words.empty() ? "" : ": " + words),
                 {},
                 status->end};
}

Error QemuMachine::startup_error(Error seen) {
    if (seen.fault == Fault::interrupted) return seen;
    return death(kExitPatience).value_or(std::move(seen));
}

Status QemuMachine::load(int descriptor, Deadline deadline) {
    return load_state(*qmp_, fmt::format("fd:{}", descriptor), deadline);
}

Status QemuMachine::save(const fs::path& file, Deadline deadline) {
    MEMRIG_CHECK(run("stop", {}, deadline));
    return save_state(*qmp_, "exec:cat > " + shell_word(file.string()), deadline);
}

Result<Endpoints> QemuMachine::hand_over(bool run_on) {
    if (auto ended = death(Duration::zero())) return std::unexpected(*std::move(ended));
    // Close the connection instead of detaching, after which the guest would run on. A new client stops the guest, and
    // its "?" removes all breakpoints.
    probe_.reset();
    MEMRIG_CHECK(probe());
    probe_.reset();
    if (run_on) MEMRIG_CHECK(start(Deadline::after(kCommandPatience)));
    agent_.reset();
    console_.reset();
    qmp_.reset();
    return Endpoints{sockets_.directory.path(), sockets_.path("gdb"), sockets_.path("qmp"), sockets_.path("console"),
                     process_.descriptor()};
}

class QemuHost final : public Host {
public:
    std::string name() const override { return "qemu"; }
    Result<std::string> version(const Bench& bench) override;
    Result<fs::path> observer_plugin(const Bench& bench, Accelerator accelerator) override {
        if (accelerator != Accelerator::tcg)
            return fail(Fault::host, "the observer sees a guest only under TCG, not under {}", to_string(accelerator));
        return find_observer_plugin(bench.emulator);
    }
    Result<std::unique_ptr<Machine>> create(const MachineSpec& spec, Deadline deadline) override {
        MEMRIG_TRY(auto machine, spawn(spec, Descriptor(), deadline));
        return machine;
    }
    Result<std::unique_ptr<Machine>> restore(const MachineSpec& spec, const fs::path& file,
                                             Deadline deadline) override {
        Descriptor state(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
        if (!state.valid()) return fail_errno(Fault::host, "open " + file.string());
        MEMRIG_TRY(auto machine, spawn(spec, std::move(state), deadline));
        const SteadyTime begun = steady_clock().now();
        if (const auto loaded = machine->load(QemuDescriptors::incoming, deadline); !loaded)
            return std::unexpected(machine->startup_error(loaded.error()));
        logger(LogLayer::machine)
            .info("QEMU {} is restored from {} in {:.3f} s", machine->process_id(), file.string(),
                  seconds(steady_clock().now() - begun));
        return machine;
    }

private:
    static Result<std::unique_ptr<QemuMachine>> spawn(const MachineSpec& spec, Descriptor state, Deadline deadline);
};

Result<std::string> QemuHost::version(const Bench& bench) { return emulator_version(bench.emulator); }

Result<std::unique_ptr<QemuMachine>> QemuHost::spawn(const MachineSpec& spec, Descriptor state, Deadline deadline) {
    MEMRIG_TRY(Sockets sockets, make_sockets());
    SpawnOptions options;
    options.argv = qemu_command(spec, state.valid());
    // A guest that boots is saved by a process that QEMU starts.
    MEMRIG_TRY(const auto sandbox, sandbox_of(spec.bench.emulator, !state.valid()));
    options.argv.insert(options.argv.end(), sandbox.begin(), sandbox.end());
    options.environment = spec.bench.emulator.environment;
    options.output = spec.evidence.empty() ? sockets.directory.path() / "qemu.log" : spec.evidence / "qemu.log";
    options.inherit = {{sockets.qmp.get(), QemuDescriptors::qmp},
                       {sockets.gdb.get(), QemuDescriptors::gdb},
                       {sockets.console.get(), QemuDescriptors::console},
                       {sockets.link.get(), QemuDescriptors::link}};
    if (state.valid()) options.inherit.emplace_back(state.get(), QemuDescriptors::incoming);
    std::unique_ptr<ObserverChannel> observer;
    if (!spec.observer.empty()) {
        MEMRIG_TRY(observer, ObserverChannel::make(spec.bench.vcpus() + spec.bench.spare));
        options.inherit.emplace_back(observer->descriptor(), QemuDescriptors::observer);
    }
    const fs::path output = options.output;
    MEMRIG_TRY(Process process, Process::spawn(options));
    logger(LogLayer::machine).info("QEMU {} starts for bench {}", process.pid(), spec.bench.name);
    if (auto& log = logger(LogLayer::machine); log.should_log(spdlog::level::debug))
        log.debug("{}", fmt::join(options.argv, " "));
    auto machine =
        std::make_unique<QemuMachine>(spec, std::move(sockets), output, std::move(observer), std::move(process));
    if (const auto connected = machine->connect(deadline); !connected)
        return std::unexpected(machine->startup_error(connected.error()));
    return machine;
}

}  // namespace

const char* to_string(Accelerator accelerator) { return accelerator == Accelerator::kvm ? "kvm" : "tcg"; }

ProbeOptions probe_options(const MachineSpec& spec) { return {spec.accelerator == Accelerator::tcg, spec.answers_by}; }

Result<Endpoints> Machine::hand_over(bool) { return fail(Fault::rig, "this backend's guests cannot be held"); }

std::unique_ptr<Host> make_qemu_backend() { return std::make_unique<QemuHost>(); }

Result<AgentHello> await_agent(Machine& machine, Deadline deadline) {
    auto hello = machine.agent().hello(deadline);
    if (hello || hello.error().fault == Fault::interrupted) return hello;
    constexpr std::size_t shown_lines = 32;
    const std::string tail = machine.console().tail(shown_lines);
    const std::string last = tail.empty() ? "its console is empty" : "its console's last lines:\n" + tail;
    const bool ours = hello.error().fault == Fault::rig;
    const auto death = machine.death(ours ? Duration(kExitPatience) : Duration::zero());
    if (death && death->fault == Fault::host) return std::unexpected(*death);
    if (death) return fail(Fault::guest, "the kernel stopped before the agent spoke ({}); {}", death->message, last);
    return fail(Fault::guest, "the agent did not speak: {}; {}", hello.error().message, last);
}

}  // namespace memrig
