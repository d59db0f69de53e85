// Makes a machine under test from a libvirt domain.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "libvirt/handles.h"
#include "libvirt/uploads.h"
#include "machine/machine.h"

namespace memrig {

// The files and sockets that a domain was made with.
struct DomainResources {
    // The directory of the gdbstub's socket; nothing if libvirt is on another host.
    std::optional<TemporaryDirectory> sockets;
    std::shared_ptr<Uploads> uploads;  // null if libvirt is on this host
    std::vector<RemoteFile> files;     // made on the other host for this domain alone
    // Both are "" without a directory.
    [[nodiscard]] std::string gdb_socket() const { return socket("gdb"); }
    [[nodiscard]] std::string link_socket() const { return socket("link"); }
    // Makes a new file of `bytes` bytes that the domain's QEMU can open.
    Result<std::filesystem::path> make_file(const std::string& name, std::uint64_t bytes);

private:
    [[nodiscard]] std::string socket(const char* name) const;
};

class DomainMachine : public Machine {
public:
    // Loads what save() wrote. REQUIRES: the domain was started with `incoming`, and libvirt is on this host.
    virtual Status load(const std::filesystem::path& file, Deadline deadline) = 0;
};

// Takes the domain over: it ends with the machine, or with this call if the call fails.
Result<std::unique_ptr<DomainMachine>> make_domain_machine(Connection connection, Domain domain, MachineSpec spec,
                                                           DomainResources resources);

}  // namespace memrig
