#include "libvirt/survey.h"

#include <chrono>

#include "libvirt/call.h"
#include "libvirt/domain_xml.h"
#include "libvirt/event_loop.h"

namespace memrig {

namespace {

constexpr int kKeepAliveSeconds = 5;
constexpr unsigned kKeepAliveCount = 12;
constexpr auto kConnectPatience = std::chrono::minutes(2);

std::string dotted(unsigned long version) {  // NOLINT: as libvirt counts
    return fmt::format("{}.{}.{}", version / 1000000, version / 1000 % 1000, version % 1000);
}

Result<Connection> connect(const std::string& uri) {
    Connection connection = own(virConnectOpenAuth(uri.c_str(), virConnectAuthPtrDefault, 0));
    if (!connection)
        return fail_with(libvirt_error(Fault::host, "connect to libvirt at " + uri),
                         advise_on_connection(last_libvirt_error()));
    // A libvirt that falls silent, here or elsewhere, counts as gone after a minute: what waits for it then fails.
    (void)virConnectSetKeepAlive(connection.get(), kKeepAliveSeconds, kKeepAliveCount);
    return connection;
}

}  // namespace

Result<Connection> open_connection(const std::string& uri) {
    MEMRIG_CHECK(start_event_loop());
    auto connected = call_apart([uri] { return connect(uri); })->wait(Deadline::after(kConnectPatience));
    if (connected) return *std::move(connected);
    if (connected.error().fault == QmpFault::interrupted) return std::unexpected(connected.error().error());
    return fail_with({Fault::host, fmt::format("libvirt at {} does not answer", uri), {}},
                     "see whether `virsh -c " + uri + " version` does; if not, restart that libvirt");
}

Result<std::string> versions_of(const Connection& connection) {
    unsigned long qemu = 0, libvirt = 0;  // NOLINT: libvirt's type
    if (virConnectGetVersion(connection.get(), &qemu) < 0 || virConnectGetLibVersion(connection.get(), &libvirt) < 0)
        return std::unexpected(libvirt_error(Fault::host, "ask libvirt for its version"));
    return fmt::format("libvirt {}, QEMU {}", dotted(libvirt), dotted(qemu));
}

Status answers(const Connection& connection, Deadline deadline) {
    if (virConnectIsAlive(connection.get()) != 1) return fail(Fault::host, "its connection is gone");
    const auto ask = [connection]() -> Status {
        unsigned long version = 0;  // NOLINT: libvirt's type
        if (virConnectGetLibVersion(connection.get(), &version) == 0) return {};
        return std::unexpected(libvirt_error(Fault::host, "it answers with an error"));
    };
    const auto answer = call_apart(ask)->wait(deadline);
    if (answer) return *answer;
    if (answer.error().fault == QmpFault::interrupted) return std::unexpected(answer.error().error());
    return fail(Fault::host, "it does not answer");
}

Result<Confinement> confinement_of(const Connection& connection) {
    const Text capabilities(virConnectGetCapabilities(connection.get()));
    if (!capabilities) return std::unexpected(libvirt_error(Fault::host, "ask libvirt for its capabilities"));
    return read_confinement(capabilities.get());
}

bool is_elsewhere(const Connection& connection) {
    const Text uri(virConnectGetURI(connection.get()));
    if (!uri) return false;
    constexpr std::string_view before_host = "://";
    const std::string_view text = uri.get();
    const std::size_t host = text.find(before_host);
    return host != std::string_view::npos && !text.substr(host + before_host.size()).starts_with('/');
}

Status check_kind(const Connection& connection, const std::string& uri) {
    const char* type = virConnectGetType(connection.get());
    if (type == nullptr || std::string(type) != "QEMU")
        return fail_with({Fault::host, fmt::format("{} is libvirt's driver {}", uri, type == nullptr ? "?" : type), {}},
                         "give a URI of its driver QEMU, such as qemu:///session");
    return {};
}

Status check_emulation(const Connection& connection, const Bench& bench) {
    const std::string machine = bench.machine.substr(0, bench.machine.find(','));
    const Text capabilities(virConnectGetDomainCapabilities(connection.get(), nullptr, libvirt_arch(bench).c_str(),
                                                            machine.c_str(), "qemu", 0));
    if (capabilities) return {};
    const LibvirtError error = last_libvirt_error();
    return fail_with({Fault::host, error.text, {}}, advise_on_domain(error, {}, {}));
}

}  // namespace memrig
