// --backend: who runs the machines.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "machine/machine.h"

namespace memrig {

// "" where the text names a backend, else what is wrong with it.
std::string no_backend(const std::string& text);

// Of one host, or of several that trials are spread over.
void add_backend_option(CLI::App& command, std::string& backend);
void add_hosts_option(CLI::App& command, std::string& backend);

// The URIs of a backend that is libvirt's; none for QEMU of this host.
std::vector<std::string> libvirt_uris(const std::string& text);

// The text of each host's backend.
std::vector<std::string> hosts_of(const std::string& text);

// REQUIRES: `text` names one host.
Result<std::unique_ptr<Host>> make_backend(const std::string& text);

// Whether a host is there: connects to it anew. Fault::host where it is not, or does not answer in half a minute.
Status host_answers(const std::string& host);

// Those hosts that are there, in their order.
struct ConnectedHosts {
    std::vector<std::unique_ptr<Host>> backends;
    struct LeftOut {
        std::string host;
        Error why;
    };
    std::vector<LeftOut> left_out;
    [[nodiscard]] std::vector<Host*> all() const;
};
// The first one's error where none is there.
Result<ConnectedHosts> connect_hosts(const std::string& text);

}  // namespace memrig
