#include "libvirt/domain_machine.h"

#include <chrono>
#include <mutex>
#include <vector>

#include <fcntl.h>
#include <libvirt/virterror.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"
#include "guest/agent_link.h"
#include "libvirt/channel.h"
#include "libvirt/domain_xml.h"
#include "libvirt/gdbstub.h"
#include "libvirt/hotplug.h"
#include "libvirt/monitor.h"
#include "machine/migration.h"
#include "probe/gdb_probe.h"
#include "qmp/one_shot.h"

namespace memrig {

namespace {

using namespace std::chrono_literals;
constexpr auto kProbePatience = 60s, kLinkPatience = 60s;
constexpr auto kStreamPatience = 2min;  // the client of a libvirt that falls silent notices after a minute
constexpr std::size_t kMostTranscript = 4u << 20;
constexpr const char* kStateName = "memrig-state";

// Set by libvirt's event when the domain ends.
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

class LibvirtMachine final : public DomainMachine {
public:
    LibvirtMachine(Connection connection, Domain domain, MachineSpec spec, DomainResources resources)
        : connection_(std::move(connection)),
          domain_(std::move(domain)),
          spec_(std::move(spec)),
          resources_(std::move(resources)) {}
    LibvirtMachine(const LibvirtMachine&) = delete;
    LibvirtMachine& operator=(const LibvirtMachine&) = delete;
    ~LibvirtMachine() override {
        const char* name = virDomainGetName(domain_.get());
        logger(LogLayer::libvirt).info("ends domain {}", name != nullptr ? name : "without a name");
        close_channels();
        if (end_registration_ >= 0) virConnectDomainEventDeregisterAny(connection_.get(), end_registration_);
        if (virDomainDestroy(domain_.get()) < 0 && !last_error_is(VIR_ERR_NO_DOMAIN) &&
            !last_error_is(VIR_ERR_OPERATION_INVALID))
            end_orphan();
    }

    Status connect();
    Status load(const fs::path& file, Deadline deadline) override;

    QmpClient& qmp() override {
        MEMRIG_ASSERT(monitor_, "the domain is connected");
        return *monitor_;
    }
    Result<Probe*> probe() override;
    GuestLink& agent() override {
        MEMRIG_ASSERT(agent_, "the domain is connected");
        return *agent_;
    }
    HotplugApi* hotplug_api() override { return hotplug_.get(); }
    [[nodiscard]] const ConsoleLog& console() const override {
        MEMRIG_ASSERT(console_, "the domain is connected");
        return *console_;
    }
    std::optional<Error> death(Duration grace) override;
    Status start(Deadline deadline) override;
    Status save(const fs::path& file, Deadline deadline) override;
    std::string agent_transcript() override;
    [[nodiscard]] Accelerator accelerator() const override { return spec_.accelerator; }
    [[nodiscard]] int process_id() const override { return 0; }

private:
    Status await_end_events();
    // Returns the channel's socket. The destructor waits for the stream behind it.
    Descriptor keep(Channel channel) {
        streams_.push_back(std::move(channel.ended));
        return std::move(channel.socket);
    }
    // Opens the line to the agent.
    Result<Descriptor> open_link() {
        if (!spec_.bench.link_devices.empty())
            return connect_unix(resources_.link_socket(), Deadline::after(kLinkPatience));
        MEMRIG_TRY(Channel link, open_console(connection_, domain_.get(), kLinkAlias));
        return keep(std::move(link));
    }
    // Waits until all streams have ended, so that the domain can be destroyed: see Channel.
    void close_channels() {
        probe_.reset();
        agent_.reset();
        console_.reset();
        const Deadline patience = Deadline::after(kStreamPatience);
        for (const auto& ended : streams_) (void)ended->wait_to_the_end(patience);
    }
    Result<std::unique_ptr<Probe>> reach_probe();
    // Ends a QEMU that libvirt has left behind. On another host it is out of reach.
    void end_orphan() {
        if (resources_.sockets) end_by_gdbstub(resources_.gdb_socket());
    }
    Status share_file(int descriptor, Deadline deadline) {
        return monitor_->hand_over(kStateName, descriptor, deadline);
    }

    const SteadyTime born_ = steady_clock().now();
    Connection connection_;
    Domain domain_;
    MachineSpec spec_;
    DomainResources resources_;
    std::shared_ptr<DomainEnd> end_ = std::make_shared<DomainEnd>();
    int end_registration_ = -1;
    std::mutex transcript_mutex_;
    std::string transcript_;
    std::vector<std::shared_ptr<OneShot<bool>>> streams_;
    std::unique_ptr<LibvirtMonitor> monitor_;
    std::unique_ptr<HotplugApi> hotplug_;
    std::unique_ptr<ConsoleLog> console_;
    std::unique_ptr<AgentLink> agent_;
    std::string gdb_channel_;  // on another host, once the domain runs
    std::unique_ptr<Probe> probe_;
};

Status LibvirtMachine::await_end_events() {
    const auto on_lifecycle = [](virConnectPtr, virDomainPtr, int event, int detail, void* opaque) {
        if (event == VIR_DOMAIN_EVENT_STOPPED)
            (*static_cast<std::shared_ptr<DomainEnd>*>(opaque))->set(why_stopped(detail));
    };
    const auto release = [](void* opaque) { delete static_cast<std::shared_ptr<DomainEnd>*>(opaque); };
    auto mine = std::make_unique<std::shared_ptr<DomainEnd>>(end_);
    end_registration_ =
        virConnectDomainEventRegisterAny(connection_.get(), domain_.get(), VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                         VIR_DOMAIN_EVENT_CALLBACK(+on_lifecycle), mine.get(), release);
    if (end_registration_ < 0) return std::unexpected(libvirt_error(Fault::rig, "watch for the domain's end"));
    (void)mine.release();
    return {};
}

Status LibvirtMachine::connect() {
    MEMRIG_CHECK(await_end_events());
    const auto names = std::make_shared<DeviceNames>();
    MEMRIG_TRY(monitor_, open_monitor(connection_, domain_.get(), names));
    // libvirt cannot plug memory into a NUMA node that it does not know.
    if (spec_.bench.nodes == 1) {
        MEMRIG_TRY(hotplug_, open_hotplug(connection_, domain_.get(), names, spec_.bench,
                                          [this](const std::string& name, std::uint64_t bytes) {
                                              return resources_.make_file(name, bytes);
                                          }));
    }
    MEMRIG_TRY(Channel console, open_console(connection_, domain_.get(), kConsoleAlias));
    console_ = std::make_unique<ConsoleLog>(keep(std::move(console)));
    MEMRIG_TRY(Descriptor link, open_link());
    const auto keep = [this](const TranscriptEntry& entry) {
        const std::lock_guard guard(transcript_mutex_);
        if (transcript_.size() < kMostTranscript) transcript_ += transcript_line(entry, born_) + "\n";
    };
    MEMRIG_TRY(agent_, AgentLink::open(std::move(link), keep));
    return {};
}

Result<std::unique_ptr<Probe>> LibvirtMachine::reach_probe() {
    const Deadline give_up = Deadline::after(kProbePatience);
    if (!resources_.sockets) {
        MEMRIG_TRY(Channel stub, open_channel(connection_, domain_.get(), gdb_channel_));
        return make_gdb_probe(keep(std::move(stub)), give_up, probe_options(spec_));
    }
    auto probe = connect_gdb_probe(resources_.gdb_socket(), give_up, probe_options(spec_));
    if (!probe) return fail_with(probe.error(), advise_on_gdbstub(probe.error().message));
    return probe;
}

Result<Probe*> LibvirtMachine::probe() {
    if (!probe_) {
        MEMRIG_TRY(probe_, reach_probe());
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
        return Error{Fault::host, "libvirt is gone, and its client's domains with it", {}};
    return std::nullopt;
}

Status LibvirtMachine::start(Deadline deadline) {
    if (virDomainResume(domain_.get()) < 0) return std::unexpected(libvirt_error(Fault::rig, "resume the domain"));
    if (resources_.sockets) return {};
    MEMRIG_TRY(gdb_channel_, serve_gdbstub(domain_.get(), *monitor_, deadline));
    return {};
}

// Saves through the descriptor of an open file: QEMU may run as another user, and libvirt forbids it to start programs.
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

}  // namespace

std::string DomainResources::socket(const char* name) const { return sockets ? (sockets->path() / name).string() : ""; }

Result<fs::path> DomainResources::make_file(const std::string& name, std::uint64_t bytes) {
    if (!sockets) {
        MEMRIG_TRY(RemoteFile made, uploads->make(name, bytes));
        return path_of(files.emplace_back(std::move(made)).get());
    }
    const fs::path file = sockets->path() / name;
    const Descriptor made(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!made.valid() || ::ftruncate(made.get(), static_cast<off_t>(bytes)) != 0)
        return fail_errno(Fault::host, "make " + file.string());
    return file;
}

Result<std::unique_ptr<DomainMachine>> make_domain_machine(Connection connection, Domain domain, MachineSpec spec,
                                                           DomainResources resources) {
    auto machine = std::make_unique<LibvirtMachine>(std::move(connection), std::move(domain), std::move(spec),
                                                    std::move(resources));
    MEMRIG_CHECK(machine->connect());
    return machine;
}

}  // namespace memrig
