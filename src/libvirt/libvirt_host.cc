#include "libvirt/libvirt_host.h"

#include <atomic>
#include <memory>

#include <libvirt/virterror.h>

#include "base/assert.h"
#include "base/file.h"
#include "base/log.h"
#include "libvirt/call.h"
#include "libvirt/domain_machine.h"
#include "libvirt/domain_xml.h"
#include "libvirt/gdbstub.h"
#include "libvirt/survey.h"

namespace memrig {

namespace {

// libvirt's QEMU may run as another user, who must reach the gdbstub's socket in this directory. Others may enter the
// directory but not list it, and its name cannot be guessed.
constexpr auto kSocketDirectoryMode = fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec;

struct Started {
    Domain domain;       // null if it did not start
    LibvirtError error;  // why not
};

// Waits even if the user asks to stop, so that no domain is left behind. A domain that comes too late ends with its
// connection.
std::shared_ptr<Started> start_domain(const Connection& connection, const std::string& xml, Deadline deadline) {
    const auto reply = call_apart([connection, xml] {
        Domain domain(
            virDomainCreateXML(connection.get(), xml.c_str(), VIR_DOMAIN_START_PAUSED | VIR_DOMAIN_START_AUTODESTROY));
        LibvirtError error = domain ? LibvirtError{} : last_libvirt_error();
        return std::make_shared<Started>(std::move(domain), std::move(error));
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
    Result<std::unique_ptr<Machine>> create(const MachineSpec& spec, Deadline deadline) override {
        MEMRIG_TRY(auto machine, define(spec, false, deadline));
        return machine;
    }
    Result<std::unique_ptr<Machine>> restore(const MachineSpec& spec, const fs::path& file,
                                             Deadline deadline) override {
        MEMRIG_ASSERT(keeps_guests(), "only a host that keeps guests restores one");
        MEMRIG_TRY(auto machine, define(spec, true, deadline));
        if (const auto loaded = machine->load(file, deadline); !loaded)
            return std::unexpected(machine->death(Duration::zero()).value_or(loaded.error()));
        return machine;
    }

private:
    Result<std::unique_ptr<DomainMachine>> define(const MachineSpec& spec, bool incoming, Deadline deadline);
    Result<MachineSpec> sent(const MachineSpec& spec) const;
    [[nodiscard]] Error explain(const LibvirtError& error, const MachineSpec& spec,
                                const DomainResources& resources) const;

    Connection connection_;
    std::string uri_;
    bool elsewhere_;
    std::shared_ptr<Uploads> uploads_;
    std::atomic<unsigned> made_ = 0;
};

// Sends the spec's files to libvirt's host if that is another one. Returns the spec with their paths there.
Result<MachineSpec> LibvirtHost::sent(const MachineSpec& spec) const {
    if (!elsewhere_) return spec;
    if (spec.bench.emulator.program.find('/') != std::string::npos)
        return fail(Fault::user_input, "{} is a QEMU of this host, which {} cannot start", spec.bench.emulator.program,
                    uri_);
    MachineSpec there = spec;
    MEMRIG_TRY(there.kernel.image, uploads_->send(spec.kernel.image));
    MEMRIG_TRY(there.initramfs, uploads_->send(spec.initramfs));
    return there;
}

Error LibvirtHost::explain(const LibvirtError& error, const MachineSpec& spec, const DomainResources& resources) const {
    Error failure{Fault::rig, "libvirt cannot start a domain: " + error.text, {}};
    const auto confinement = confinement_of(connection_);
    if (!confinement || elsewhere_) return failure;
    failure.remedy =
        advise_on_domain(error, {spec.kernel.image, spec.initramfs, resources.sockets->path()}, *confinement);
    return failure;
}

Result<std::unique_ptr<DomainMachine>> LibvirtHost::define(const MachineSpec& spec, bool incoming, Deadline deadline) {
    if (spec.bench.hypervisor)
        return fail(Fault::host, "libvirt cannot start bench {}: it has no word for a hypervisor's modules",
                    spec.bench.name);
    if (elsewhere_ && !spec.bench.link_devices.empty())
        return fail(Fault::host,
                    "bench {} cannot be played on another host: its line to the agent is a socket that QEMU makes",
                    spec.bench.name);
    DomainResources resources;
    if (elsewhere_) {
        resources.uploads = uploads_;
    } else {
        MEMRIG_TRY(resources.sockets, TemporaryDirectory::make("memrig"));
        std::error_code code;
        fs::permissions(resources.sockets->path(), kSocketDirectoryMode, code);
    }
    MEMRIG_TRY(MachineSpec there, sent(spec));
    const DomainNames names{fmt::format("{}-{}", own_name(), ++made_), resources.gdb_socket(), resources.link_socket()};
    // Each domain has its own connection: if two domains ask for QEMU's events on one connection, libvirt 9.0 serves
    // only the first.
    MEMRIG_TRY(Connection connection, open_connection(uri_));
    const std::string xml = domain_xml(there, names, incoming);
    if (!spec.evidence.empty()) MEMRIG_CHECK(write_file(spec.evidence / "domain.xml", xml));
    const auto started = start_domain(connection, xml, deadline);
    if (!started->domain) {
        if (!elsewhere_ && virConnectIsAlive(connection.get()) != 1) end_by_gdbstub(names.gdb_socket);
        return std::unexpected(explain(started->error, spec, resources));
    }
    logger(LogLayer::libvirt).info("domain {} is started at {}", names.domain, uri_);
    return make_domain_machine(std::move(connection), std::move(started->domain), std::move(there),
                               std::move(resources));
}

}  // namespace

Result<std::unique_ptr<Host>> connect_libvirt(const std::string& uri) {
    MEMRIG_TRY(Connection connection, open_connection(uri));
    return std::make_unique<LibvirtHost>(std::move(connection), uri);
}

}  // namespace memrig
