// The option --backend: the hosts that run the machines.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "machine/machine.h"

namespace memrig {

// Returns "" if the text names a backend, else an error message.
std::string no_backend(const std::string& text);

// Add the option, for one host, or for several hosts that share the trials.
void add_backend_option(CLI::App& command, std::string& backend);
void add_hosts_option(CLI::App& command, std::string& backend);

// The URIs of a libvirt backend. Empty for this host's own QEMU.
std::vector<std::string> libvirt_uris(const std::string& text);

// Splits a backend's text into one text for each host.
std::vector<std::string> hosts_of(const std::string& text);

// REQUIRES: `text` names one host.
Result<std::unique_ptr<Host>> make_backend(const std::string& text);

// Checks a host with a new connection. Fault::host if it cannot be reached, or does not answer within 30 s.
Status host_answers(const std::string& host);

// The hosts that could be connected to, in their order, and the others with the reason.
struct ConnectedHosts {
    std::vector<std::unique_ptr<Host>> connected;
    struct LeftOut {
        std::string host;
        Error why;
    };
    std::vector<LeftOut> left_out;
    [[nodiscard]] std::vector<Host*> all() const;
};
// Connects to the hosts of a backend. If none can be reached, returns the error of the first.
Result<ConnectedHosts> connect_hosts(const std::string& text);

}  // namespace memrig
