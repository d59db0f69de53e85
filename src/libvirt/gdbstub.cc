#include "libvirt/gdbstub.h"

#include <chrono>
#include <filesystem>
#include <thread>

#include <pugixml.hpp>

#include "base/file.h"

namespace memrig {

namespace {

using namespace std::chrono_literals;
constexpr auto kLastPatience = 30s;
constexpr auto kGlance = 5ms;

struct GdbChannel {
    std::string alias, socket;
};

// Reads the alias and the socket that libvirt chose when it started the domain.
Result<GdbChannel> gdb_channel(virDomainPtr domain) {
    const Text xml(virDomainGetXMLDesc(domain, 0));
    if (!xml) return std::unexpected(libvirt_error(Fault::rig, "ask libvirt for the domain"));
    pugi::xml_document document;
    document.load_string(xml.get());
    for (const auto& channel : document.child("domain").child("devices").children("channel")) {
        if (std::string(channel.child("target").attribute("name").value()) != kGdbChannel) continue;
        const std::string socket = channel.child("source").attribute("path").value();
        // The path becomes a part of a QEMU option, in which these characters have a meaning.
        if (!socket.starts_with('/') || socket.find_first_of(", \"'\\\n") != std::string::npos)
            return fail(Fault::rig, "libvirt's socket {} for the gdbstub cannot be part of a QEMU option", socket);
        return GdbChannel{channel.child("alias").attribute("name").value(), socket};
    }
    return fail(Fault::rig, "the domain has no channel {}", kGdbChannel);
}

}  // namespace

void end_by_gdbstub(const std::string& socket) {
    const Deadline patience = Deadline::after(kLastPatience);
    auto stub = connect_unix(socket, patience);
    // QEMU binds its socket before it listens on it. Nothing announces that it listens, hence the loop.
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

// chardev-change makes the channel's character device give the socket up. The virtio port, which no guest opens, goes
// on without one. Such a port reacts to chardev-change only while the machine runs (virtconsole_enable_backend()).
Result<std::string> serve_gdbstub(virDomainPtr domain, QmpClient& monitor, Deadline deadline) {
    MEMRIG_TRY(const GdbChannel channel, gdb_channel(domain));
    const nlohmann::json nothing = {{"type", "null"}, {"data", nlohmann::json::object()}};
    const auto let_go =
        monitor.execute("chardev-change", {{"id", "char" + channel.alias}, {"backend", nothing}}, deadline);
    if (!let_go) return in_context(let_go.error().error(), "free the gdbstub's socket");
    const std::string command = fmt::format("gdbserver unix:{},server=on,wait=off", channel.socket);
    const auto served = monitor.execute("human-monitor-command", {{"command-line", command}}, deadline);
    if (!served) return in_context(served.error().error(), command);
    return channel.alias;
}

}  // namespace memrig
