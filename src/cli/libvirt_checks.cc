#include "cli/libvirt_checks.h"

#include <chrono>

#include "base/file.h"
#include "kernel/catalogue.h"
#include "libvirt/libvirt_host.h"
#include "libvirt/survey.h"
#include "machine/guest_store.h"

namespace memrig {

namespace {

using namespace std::chrono_literals;
constexpr auto kDomainPatience = 2min;
constexpr const char* kBench = "q35";

HostCheck lacks(Readiness readiness, std::string name, const Error& error) {
    return {std::move(name), readiness, error.message, error.remedy};
}

HostCheck check_confinement(const Connection& connection) {
    const auto confinement = confinement_of(connection);
    if (!confinement) return lacks(Readiness::missing, "libvirt QEMU's user", confinement.error());
    return HostCheck::ok("libvirt QEMU's user",
                         fmt::format("{}, security driver {}", confinement->user.name,
                                     confinement->driver.empty() ? "none" : confinement->driver));
}

HostCheck check_machine(const Connection& connection, const char* name, Readiness otherwise) {
    const std::string title = fmt::format("libvirt {}", name);
    const auto bench = load_bench(name);
    if (!bench) return lacks(otherwise, title, bench.error());
    const Status can = check_emulation(connection, *bench);
    return can ? HostCheck::ok(title, "can be emulated") : lacks(otherwise, title, can.error());
}

Result<std::optional<KernelImage>> some_kernel(const Bench& bench) {
    MEMRIG_TRY(const auto catalogue, kernel_catalogue());
    for (const auto& entry : catalogue)
        if (entry.arch == bench.arch)
            if (auto kernel = cached_kernel(entry); kernel && *kernel) return kernel;
    return std::nullopt;
}

// Tries all that a trial needs from libvirt.
Status try_domain(Host& host, const MachineSpec& spec) {
    MEMRIG_TRY(const auto state, TemporaryDirectory::make("memrig-doctor-"));
    MEMRIG_TRY(const auto machine, host.create(spec, Deadline::after(kDomainPatience)));
    MEMRIG_CHECK(machine->start(Deadline::after(kDomainPatience)));
    MEMRIG_TRY(Probe* const probe, machine->probe());
    (void)probe;
    return host.keeps_guests() ? machine->save(state.path() / "state", Deadline::after(kDomainPatience)) : Status();
}

HostCheck check_domain(const std::string& uri) {
    const std::string name = "libvirt domain";
    const auto bench = load_bench(kBench);
    if (!bench) return lacks(Readiness::missing, name, bench.error());
    const auto kernel = some_kernel(*bench);
    if (!kernel) return lacks(Readiness::missing, name, kernel.error());
    if (!*kernel)
        return {name, Readiness::note, "not tried, because no kernel is in the cache",
                "memrig kernels fetch debian-6.1-amd64"};
    const auto initramfs = make_guest_initramfs(*bench, **kernel);
    if (!initramfs) return lacks(Readiness::missing, name, initramfs.error());
    const auto host = connect_libvirt(uri);
    if (!host) return lacks(Readiness::missing, name, host.error());
    const auto begun = steady_clock().now();
    const Status tried = try_domain(**host, {*bench, **kernel, initramfs->path, Accelerator::tcg, {}});
    if (!tried) return lacks(Readiness::missing, name, tried.error());
    return HostCheck::ok(name, fmt::format("started with {}, {} in {:.1f} s", (*kernel)->id,
                                           (*host)->keeps_guests() ? "probed and saved" : "sent there, and probed",
                                           seconds(steady_clock().now() - begun)));
}

}  // namespace

std::vector<HostCheck> check_libvirt(const std::string& uri) {
    const auto connection = open_connection(uri);
    if (!connection) return {lacks(Readiness::missing, "libvirt", connection.error())};
    if (const Status kind = check_kind(*connection, uri); !kind)
        return {lacks(Readiness::missing, "libvirt", kind.error())};
    const auto versions = versions_of(*connection);
    if (!versions) return {lacks(Readiness::missing, "libvirt", versions.error())};
    std::vector<HostCheck> checks = {HostCheck::ok("libvirt", *versions), check_confinement(*connection),
                                     check_machine(*connection, kBench, Readiness::missing),
                                     check_machine(*connection, "pseries", Readiness::note)};
    if (checks[2].readiness == Readiness::ok) checks.push_back(check_domain(uri));
    return checks;
}

}  // namespace memrig
