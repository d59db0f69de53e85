#include "cli/backend_option.h"

#include <algorithm>
#include <thread>

#include "libvirt/libvirt_host.h"
#include "qmp/one_shot.h"

namespace memrig {

namespace {
constexpr auto kAnswerPatience = std::chrono::seconds(30);
constexpr std::string_view kQemu = "qemu", kLibvirt = "libvirt:";
}  // namespace

std::vector<std::string> libvirt_uris(const std::string& text) {
    std::vector<std::string> uris;
    if (!text.starts_with(kLibvirt)) return uris;
    for (std::string_view rest = text;;) {
        if (rest.starts_with(kLibvirt)) rest.remove_prefix(kLibvirt.size());
        const std::size_t comma = rest.find(',');
        uris.emplace_back(rest.substr(0, comma));
        if (comma == std::string_view::npos) return uris;
        rest.remove_prefix(comma + 1);
    }
}

std::vector<std::string> hosts_of(const std::string& text) {
    std::vector<std::string> hosts = libvirt_uris(text);
    if (hosts.empty()) return {text};
    for (auto& host : hosts) host.insert(0, kLibvirt);
    return hosts;
}

std::string no_backend(const std::string& text) {
    const auto uris = libvirt_uris(text);
    for (auto uri = uris.begin(); uri != uris.end(); ++uri) {
        if (uri->empty()) return fmt::format("{}: a URI is missing", text);
        if (std::find(uris.begin(), uri, *uri) != uri) return fmt::format("{}: {} is named twice", text, *uri);
    }
    if (text == kQemu || !uris.empty()) return {};
    return fmt::format("{} is not a backend: give qemu or libvirt:URI", text);
}

void add_backend_option(CLI::App& command, std::string& backend) {
    const auto no_single = [](const std::string& text) {
        if (std::string wrong = no_backend(text); !wrong.empty()) return wrong;
        return hosts_of(text).size() > 1 ? text + " names more than one host: give one" : std::string();
    };
    command.add_option("--backend", backend, "Host: qemu, or libvirt:URI such as libvirt:qemu:///session")
        ->type_name("BACKEND")
        ->check(CLI::Validator(no_single, "", "backend"))
        ->capture_default_str();
}

void add_hosts_option(CLI::App& command, std::string& backend) {
    command
        .add_option("--backend", backend,
                    "Hosts: qemu, or libvirt:URI such as libvirt:qemu:///session; libvirt:URI,URI... for several")
        ->type_name("BACKEND")
        ->check(CLI::Validator(no_backend, "", "backend"))
        ->capture_default_str();
}

Result<std::unique_ptr<Host>> make_backend(const std::string& text) {
    const auto uris = libvirt_uris(text);
    return uris.empty() ? make_qemu_backend() : connect_libvirt(uris.front());
}

Status host_answers(const std::string& host) {
    if (libvirt_uris(host).empty()) return {};
    const auto answer = std::make_shared<OneShot<Status>>();
    // A thread connects, because connecting cannot be interrupted.
    std::thread([answer, host] {
        const auto connected = make_backend(host);
        answer->set(connected ? (*connected)->answers(Deadline::after(kAnswerPatience))
                              : std::unexpected(connected.error()));
    }).detach();
    const auto told = answer->wait(Deadline::after(kAnswerPatience));
    if (told) return *told;
    if (told.error().fault == QmpFault::interrupted) return std::unexpected(told.error().error());
    return fail(Fault::host, "it does not answer");
}

std::vector<Host*> ConnectedHosts::all() const {
    std::vector<Host*> hosts;
    for (const auto& host : connected) hosts.push_back(host.get());
    return hosts;
}

Result<ConnectedHosts> connect_hosts(const std::string& text) {
    ConnectedHosts hosts;
    for (const auto& name : hosts_of(text)) {
        auto host = make_backend(name);
        if (host) hosts.connected.push_back(*std::move(host));
        else hosts.left_out.push_back({name, host.error()});
    }
    if (hosts.connected.empty()) return std::unexpected(hosts.left_out.front().why);
    return hosts;
}

}  // namespace memrig
