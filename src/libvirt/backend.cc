#include "libvirt/backend.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include <fcntl.h>
#include <libvirt/virterror.h>
#include <unistd.h>

#include "base/file.h"
#include "guest/agent_link.h"
#include "libvirt/channel.h"
#include "libvirt/domain_xml.h"
#include "libvirt/handles.h"
#include "libvirt/hotplug.h"
#include "libvirt/monitor.h"
#include "libvirt/survey.h"
#include "machine/migration.h"
#include "probe/gdb_probe.h"
#include "qmp/one_shot.h"

namespace memrig {

namespace {

using namespace std::chrono_literals;
constexpr auto kProbePatience = 60s;
constexpr auto kLastPatience = 30s;
constexpr auto kGlance = 5ms;
constexpr std::size_t kMostTranscript = 4u << 20;
constexpr const char* kStateName = "memrig-state";
// libvirt's QEMU may be another user, who has to make the gdbstub's socket there; its name is not to be guessed.
constexpr auto kSocketDirectoryMode = fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec;

// Told by libvirt when the domain ends.
using DomainEnd = OneShot<std::string>;

const char* why_stopped(int detail) {
    switch (detail) {
        case VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN: return "it shut down";
        case VIR_DOMAIN_EVENT_STOPPED_DESTROYED: return "it was destroyed";
        case VIR_DOMAIN_EVENT_STOPPED_CRASHED: return "it crashed";
        case VIR_DOMAIN_EVENT_STOPPED_FAILED: return "QEMU failed";
        default: return "it stopped";
    }
}

// QEMU outlives a libvirtd that dies, and one that dies while it starts a domain may have started it: the packet `k` ends it.
void end_by_gdbstub(const std::string& socket) {
    const Deadline patience = Deadline::after(kLastPatience);
    auto stub = connect_unix(socket, patience);
    // QEMU binds its socket before it listens: there is nothing to wait on but that.
    while (!stub && fs::exists(socket) && !patience.expired()) {
        std::this_thread::sleep_for(kGlance);
        stub = connect_unix(socket, patience);
    }
    if (!stub || !write_all(stub->get(), "+$k#6b", patience)) return;
    char answer = 0;
    while (wait_readable(stub->get(), patience) == Wait::ready &&
           read_some(stub->get(), {&answer, 1}).value_or(0) == 1) {
    }
}

class LibvirtMachine final : public Machine {
public:
    LibvirtMachine(Connection connection, Domain domain, MachineOrder order, TemporaryDirectory sockets)
        : connection_(std::move(connection)),
          domain_(std::move(domain)),
          order_(std::move(order)),
          sockets_(std::move(sockets)) {}
    LibvirtMachine(const LibvirtMachine&) = delete;
    LibvirtMachine& operator=(const LibvirtMachine&) = delete;
    ~LibvirtMachine() override {
        probe_.reset();
        if (end_registration_ >= 0) virConnectDomainEventDeregisterAny(connection_.get(), end_registration_);
        if (virDomainDestroy(domain_.get()) < 0 && !last_error_is(VIR_ERR_NO_DOMAIN) &&
            !last_error_is(VIR_ERR_OPERATION_INVALID))
            end_by_gdbstub(socket_in(sockets_));
    }

    Status connect();
    Status load(const fs::path& file, Deadline deadline);

    QmpClient& qmp() override { return *monitor_; }
    Result<Probe*> probe() override;
    GuestLink& agent() override { return *agent_; }
    HotplugApi* hotplug_api() override { return hotplug_.get(); }
    [[nodiscard]] const ConsoleLog& console() const override { return *console_; }
    std::optional<Error> death(Duration grace) override;
    Status start(Deadline deadline) override;
    Status save(const fs::path& file, Deadline deadline) override;
    std::string agent_transcript() override;
    [[nodiscard]] Accelerator accelerator() const override { return order_.accelerator; }
    [[nodiscard]] int process_id() const override { return 0; }

    [[nodiscard]] static std::string socket_in(const TemporaryDirectory& directory) {
        return (directory.path() / "gdb").string();
    }

private:
    Status await_end_events();
    Status share_file(int descriptor, Deadline deadline) {
        return monitor_->hand_over(kStateName, descriptor, deadline);
    }

    const SteadyTime born_ = steady_clock().now();
    Connection connection_;
    Domain domain_;
    MachineOrder order_;
    TemporaryDirectory sockets_;
    std::shared_ptr<DomainEnd> end_ = std::make_shared<DomainEnd>();
    int end_registration_ = -1;
    std::mutex transcript_mutex_;
    std::string transcript_;
    std::unique_ptr<LibvirtMonitor> monitor_;
    std::unique_ptr<HotplugApi> hotplug_;
    std::unique_ptr<ConsoleLog> console_;
    std::unique_ptr<AgentLink> agent_;
    std::unique_ptr<Probe> probe_;
};

Status LibvirtMachine::await_end_events() {
    const auto hear = [](virConnectPtr, virDomainPtr, int event, int detail, void* opaque) {
        if (event == VIR_DOMAIN_EVENT_STOPPED)
            (*static_cast<std::shared_ptr<DomainEnd>*>(opaque))->set(why_stopped(detail));
    };
    const auto release = [](void* opaque) { delete static_cast<std::shared_ptr<DomainEnd>*>(opaque); };
    auto mine = std::make_unique<std::shared_ptr<DomainEnd>>(end_);
    end_registration_ =
        virConnectDomainEventRegisterAny(connection_.get(), domain_.get(), VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                         VIR_DOMAIN_EVENT_CALLBACK(+hear), mine.get(), release);
    if (end_registration_ < 0) return std::unexpected(libvirt_error(Fault::rig, "hear of the domain's end"));
    (void)mine.release();
    return {};
}

Status LibvirtMachine::connect() {
    MEMRIG_CHECK(await_end_events());
    const auto names = std::make_shared<DeviceNames>();
    MEMRIG_TRY(monitor_, open_monitor(connection_, domain_.get(), names));
    if (!has_own_nodes(order_.bench)) {
        MEMRIG_TRY(hotplug_, open_hotplug(connection_, domain_.get(), names));
    }
    MEMRIG_TRY(Descriptor console, open_channel(connection_, domain_.get(), kConsoleAlias));
    console_ = std::make_unique<ConsoleLog>(std::move(console));
    MEMRIG_TRY(Descriptor link, open_channel(connection_, domain_.get(), kLinkAlias));
    const auto keep = [this](const TranscriptEntry& entry) {
        const std::lock_guard guard(transcript_mutex_);
        if (transcript_.size() < kMostTranscript) transcript_ += transcript_line(entry, born_) + "\n";
    };
    MEMRIG_TRY(agent_, AgentLink::open(std::move(link), keep));
    return {};
}

Result<Probe*> LibvirtMachine::probe() {
    if (!probe_) {
        auto probe = connect_gdb_probe(socket_in(sockets_), Deadline::after(kProbePatience));
        if (!probe) return fail_with(probe.error(), advise_on_gdbstub(probe.error().message));
        probe_ = std::move(*probe);
    }
    return probe_.get();
}

std::string LibvirtMachine::agent_transcript() {
    const std::lock_guard guard(transcript_mutex_);
    return transcript_;
}

std::optional<Error> LibvirtMachine::death(Duration grace) {
    if (end_->wait_to_the_end(Deadline::after(grace)))
        return Error{Fault::rig, "the domain ended: " + end_->wait(Deadline::after(grace)).value_or("it stopped"), {}};
    if (virConnectIsAlive(connection_.get()) != 1)
        return Error{Fault::rig, "libvirt is gone, and its client's domains with it", {}};
    return std::nullopt;
}

Status LibvirtMachine::start(Deadline) {
    if (virDomainResume(domain_.get()) < 0) return std::unexpected(libvirt_error(Fault::rig, "resume the domain"));
    return {};
}

// To a file of ours by its descriptor: QEMU may be another user, and libvirt forbids it to start programs.
Status LibvirtMachine::save(const fs::path& file, Deadline deadline) {
    const Descriptor state(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!state.valid()) return fail_errno(Fault::host, "write " + file.string());
    if (virDomainSuspend(domain_.get()) < 0) return std::unexpected(libvirt_error(Fault::rig, "stop the domain"));
    MEMRIG_CHECK(share_file(state.get(), deadline));
    return save_state(*monitor_, fmt::format("fd:{}", kStateName), deadline);
}

Status LibvirtMachine::load(const fs::path& file, Deadline deadline) {
    const Descriptor state(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!state.valid()) return fail_errno(Fault::host, "open " + file.string());
    MEMRIG_CHECK(share_file(state.get(), deadline));
    return load_state(*monitor_, fmt::format("fd:{}", kStateName), deadline);
}

class LibvirtBackend final : public Backend {
public:
    LibvirtBackend(Connection connection, std::string uri) : connection_(std::move(connection)), uri_(std::move(uri)) {}

    [[nodiscard]] std::string name() const override { return "libvirt:" + uri_; }
    Result<std::string> version(const Bench& bench) override;
    Result<std::unique_ptr<Machine>> create(const MachineOrder& order, Deadline) override {
        MEMRIG_TRY(auto machine, define(order, false));
        return machine;
    }
    Result<std::unique_ptr<Machine>> restore(const MachineOrder& order, const fs::path& file,
                                             Deadline deadline) override {
        MEMRIG_TRY(auto machine, define(order, true));
        if (const auto loaded = machine->load(file, deadline); !loaded)
            return std::unexpected(machine->death(Duration::zero()).value_or(loaded.error()));
        return machine;
    }

private:
    Result<std::unique_ptr<LibvirtMachine>> define(const MachineOrder& order, bool incoming);

    Connection connection_;
    std::string uri_;
    std::atomic<unsigned> made_ = 0;
};

Result<std::string> LibvirtBackend::version(const Bench&) { return versions_of(connection_); }

Result<std::unique_ptr<LibvirtMachine>> LibvirtBackend::define(const MachineOrder& order, bool incoming) {
    MEMRIG_TRY(TemporaryDirectory sockets, TemporaryDirectory::make("memrig"));
    std::error_code code;
    fs::permissions(sockets.path(), kSocketDirectoryMode, code);
    const DomainNames names{fmt::format("memrig-{}-{}", ::getpid(), ++made_), LibvirtMachine::socket_in(sockets)};
    const std::string xml = domain_xml(order, names, incoming);
    if (!order.evidence.empty()) MEMRIG_CHECK(write_file(order.evidence / "domain.xml", xml));
    Domain domain(
        virDomainCreateXML(connection_.get(), xml.c_str(), VIR_DOMAIN_START_PAUSED | VIR_DOMAIN_START_AUTODESTROY));
    if (!domain) {
        const LibvirtSaid said = libvirt_said();
        const Error error{Fault::rig, "libvirt cannot start a domain: " + said.text, {}};
        if (virConnectIsAlive(connection_.get()) != 1) end_by_gdbstub(names.gdb_socket);
        const auto confinement = confinement_of(connection_);
        if (!confinement) return std::unexpected(error);
        const OurFiles ours{order.kernel.image, order.initramfs, sockets.path()};
        return fail_with(error, advise_on_domain(said, ours, *confinement));
    }
    auto machine = std::make_unique<LibvirtMachine>(connection_, std::move(domain), order, std::move(sockets));
    MEMRIG_CHECK(machine->connect());
    return machine;
}

}  // namespace

Result<std::unique_ptr<Backend>> connect_libvirt(const std::string& uri) {
    MEMRIG_TRY(Connection connection, open_connection(uri));
    return std::make_unique<LibvirtBackend>(std::move(connection), uri);
}

}  // namespace memrig
