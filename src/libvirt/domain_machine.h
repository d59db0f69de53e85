// A domain as a machine under test.
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

// What a domain was made with.
struct DomainResources {
    std::optional<TemporaryDirectory>
        sockets;                       // of this host's, where the gdbstub's is; nothing where libvirt is another's
    std::shared_ptr<Uploads> uploads;  // of another host's
    std::vector<RemoteFile> files;     // made there for this domain alone
    // "" without a directory.
    [[nodiscard]] std::string gdb_socket() const { return socket("gdb"); }
    [[nodiscard]] std::string link_socket() const { return socket("link"); }
    // A new file of so many bytes, which its QEMU can open.
    Result<std::filesystem::path> make_file(const std::string& name, std::uint64_t bytes);

private:
    [[nodiscard]] std::string socket(const char* name) const;
};

class DomainMachine : public Machine {
public:
    // Loads what save() wrote. REQUIRES: the domain was started for that, and libvirt is this host's.
    virtual Status load(const std::filesystem::path& file, Deadline deadline) = 0;
};

// Takes the domain over; it ends with the machine, also where this fails.
Result<std::unique_ptr<DomainMachine>> make_domain_machine(Connection connection, Domain domain, MachineSpec order,
                                                           DomainResources means);

}  // namespace memrig
