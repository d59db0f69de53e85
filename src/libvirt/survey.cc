#include "libvirt/survey.h"

#include <climits>

#include <unistd.h>

#include "libvirt/domain_xml.h"
#include "libvirt/event_loop.h"

namespace memrig {

namespace {

std::string dotted(unsigned long version) {  // NOLINT: as libvirt counts
    return fmt::format("{}.{}.{}", version / 1000000, version / 1000 % 1000, version % 1000);
}

}  // namespace

Result<Connection> open_connection(const std::string& uri) {
    MEMRIG_CHECK(start_event_loop());
    Connection connection = own(virConnectOpenAuth(uri.c_str(), virConnectAuthPtrDefault, 0));
    if (!connection)
        return fail_with(libvirt_error(Fault::host, "connect to libvirt at " + uri),
                         advise_on_connection(libvirt_said()));
    return connection;
}

Result<std::string> versions_of(const Connection& connection) {
    unsigned long qemu = 0, libvirt = 0;  // NOLINT: libvirt's type
    if (virConnectGetVersion(connection.get(), &qemu) < 0 || virConnectGetLibVersion(connection.get(), &libvirt) < 0)
        return std::unexpected(libvirt_error(Fault::host, "ask libvirt for its version"));
    return fmt::format("libvirt {}, QEMU {}", dotted(libvirt), dotted(qemu));
}

Result<Confinement> confinement_of(const Connection& connection) {
    const Text capabilities(virConnectGetCapabilities(connection.get()));
    if (!capabilities) return std::unexpected(libvirt_error(Fault::host, "ask libvirt for its capabilities"));
    return read_confinement(capabilities.get());
}

Status check_kind(const Connection& connection, const std::string& uri) {
    const char* type = virConnectGetType(connection.get());
    if (type == nullptr || std::string(type) != "QEMU")
        return fail_with({Fault::host, fmt::format("{} is libvirt's driver {}", uri, type == nullptr ? "?" : type), {}},
                         "give a URI of its driver QEMU, such as qemu:///session");
    const Text host(virConnectGetHostname(connection.get()));
    std::string here(HOST_NAME_MAX + 1, '\0');
    if (!host || ::gethostname(here.data(), here.size()) != 0)
        return std::unexpected(libvirt_error(Fault::host, "ask libvirt for its host"));
    here.resize(here.find('\0'));
    const auto first_label = [](const std::string& name) { return name.substr(0, name.find('.')); };
    if (first_label(host.get()) != first_label(here))
        return fail_with({Fault::host, fmt::format("{} is a libvirt of {}", uri, host.get()), {}},
                         "run memrig there: it uses a libvirt of its own host alone");
    return {};
}

Status check_emulation(const Connection& connection, const Bench& bench) {
    const std::string machine = bench.machine.substr(0, bench.machine.find(','));
    const Text capabilities(virConnectGetDomainCapabilities(connection.get(), nullptr, libvirt_arch(bench).c_str(),
                                                            machine.c_str(), "qemu", 0));
    if (capabilities) return {};
    const LibvirtSaid said = libvirt_said();
    return fail_with({Fault::host, said.text, {}}, advise_on_domain(said, {}, {}));
}

}  // namespace memrig
