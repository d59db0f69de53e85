#include "libvirt/libvirt_host.h"

#include <atomic>
#include <memory>

#include <libvirt/virterror.h>

#include "base/file.h"
#include "libvirt/call.h"
#include "libvirt/domain_machine.h"
#include "libvirt/domain_xml.h"
#include "libvirt/gdbstub.h"
#include "libvirt/survey.h"

namespace memrig {

namespace {

// libvirt's QEMU may be another user, who has to make the gdbstub's socket there; its name is not to be guessed.
constexpr auto kSocketDirectoryMode = fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec;

struct Started {
    Domain domain;      // null where it is not
    LibvirtError said;  // why
};

// Not broken off by who asks to stop, so that nothing is left; the domain that comes too late ends with its connection.
std::shared_ptr<Started> start_domain(const Connection& connection, const std::string& xml, Deadline deadline) {
    const auto reply = call_apart([connection, xml] {
        Domain domain(
            virDomainCreateXML(connection.get(), xml.c_str(), VIR_DOMAIN_START_PAUSED | VIR_DOMAIN_START_AUTODESTROY));
        LibvirtError said = domain ? LibvirtError{} : libvirt_said();
        return std::make_shared<Started>(std::move(domain), std::move(said));
    });
    if (!reply->wait_to_the_end(deadline)) return std::make_shared<Started>(nullptr, LibvirtError{0, "not in time"});
    return *reply->wait(deadline);
}

class LibvirtHost final : public Host {
public:
    LibvirtHost(Connection connection, std::string uri)
        : connection_(std::move(connection)), uri_(std::move(uri)), elsewhere_(is_elsewhere(connection_)) {
        if (elsewhere_) uploads_ = std::make_shared<Uploads>(connection_);
    }

    [[nodiscard]] std::string name() const override { return "libvirt:" + uri_; }
    Result<std::string> version(const Bench&) override { return versions_of(connection_); }
    [[nodiscard]] bool is_here() const override { return !elsewhere_; }
    Status answers(Deadline deadline) override { return memrig::answers(connection_, deadline); }
    [[nodiscard]] bool keeps_guests() const override { return !elsewhere_; }
    Result<std::unique_ptr<Machine>> create(const MachineSpec& order, Deadline deadline) override {
        MEMRIG_TRY(auto machine, define(order, false, deadline));
        return machine;
    }
    Result<std::unique_ptr<Machine>> restore(const MachineSpec& order, const fs::path& file,
                                             Deadline deadline) override {
        MEMRIG_TRY(auto machine, define(order, true, deadline));
        if (const auto loaded = machine->load(file, deadline); !loaded)
            return std::unexpected(machine->death(Duration::zero()).value_or(loaded.error()));
        return machine;
    }

private:
    Result<std::unique_ptr<DomainMachine>> define(const MachineSpec& order, bool incoming, Deadline deadline);
    Result<MachineSpec> sent(const MachineSpec& order) const;
    [[nodiscard]] Error explain(const LibvirtError& said, const MachineSpec& order, const DomainResources& means) const;

    Connection connection_;
    std::string uri_;
    bool elsewhere_;
    std::shared_ptr<Uploads> uploads_;
    std::atomic<unsigned> made_ = 0;
};

// With the paths that its files have on libvirt's host.
Result<MachineSpec> LibvirtHost::sent(const MachineSpec& order) const {
    if (!elsewhere_) return order;
    if (order.bench.emulator.program.find('/') != std::string::npos)
        return fail(Fault::user_input, "{} is a QEMU of this host, which {} cannot start", order.bench.emulator.program,
                    uri_);
    MachineSpec there = order;
    MEMRIG_TRY(there.kernel.image, uploads_->send(order.kernel.image));
    MEMRIG_TRY(there.initramfs, uploads_->send(order.initramfs));
    return there;
}

Error LibvirtHost::explain(const LibvirtError& said, const MachineSpec& order, const DomainResources& means) const {
    Error error{Fault::rig, "libvirt cannot start a domain: " + said.text, {}};
    const auto confinement = confinement_of(connection_);
    if (!confinement || elsewhere_) return error;
    error.remedy = advise_on_domain(said, {order.kernel.image, order.initramfs, means.sockets->path()}, *confinement);
    return error;
}

Result<std::unique_ptr<DomainMachine>> LibvirtHost::define(const MachineSpec& order, bool incoming, Deadline deadline) {
    if (elsewhere_ && !order.bench.link_devices.empty())
        return fail(Fault::user_input,
                    "bench {} cannot be played on another host: its line to the agent is a socket that QEMU makes",
                    order.bench.name);
    DomainResources means;
    if (elsewhere_) {
        means.uploads = uploads_;
    } else {
        MEMRIG_TRY(means.sockets, TemporaryDirectory::make("memrig"));
        std::error_code code;
        fs::permissions(means.sockets->path(), kSocketDirectoryMode, code);
    }
    MEMRIG_TRY(MachineSpec there, sent(order));
    const DomainNames names{fmt::format("{}-{}", own_name(), ++made_), means.gdb_socket(), means.link_socket()};
    // One for each domain: of two that ask for QEMU's events on one connection, libvirt 9.0 serves the first alone.
    MEMRIG_TRY(Connection connection, open_connection(uri_));
    const std::string xml = domain_xml(there, names, incoming);
    if (!order.evidence.empty()) MEMRIG_CHECK(write_file(order.evidence / "domain.xml", xml));
    const auto started = start_domain(connection, xml, deadline);
    if (!started->domain) {
        if (!elsewhere_ && virConnectIsAlive(connection.get()) != 1) end_by_gdbstub(names.gdb_socket);
        return std::unexpected(explain(started->said, order, means));
    }
    return make_domain_machine(std::move(connection), std::move(started->domain), std::move(there), std::move(means));
}

}  // namespace

Result<std::unique_ptr<Host>> connect_libvirt(const std::string& uri) {
    MEMRIG_TRY(Connection connection, open_connection(uri));
    return std::make_unique<LibvirtHost>(std::move(connection), uri);
}

}  // namespace memrig
