// Advises the user what to do when libvirt 9.0 or its QEMU refuses something.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace memrig {

struct Account {
    uid_t uid = 0;
    std::vector<gid_t> groups;
    std::string name;  // the uid as a number if it has no name
};
// Looks up the name of `uid`, and all groups that it is a member of.
Account account_of(uid_t uid, gid_t gid);

// The user and the security driver by which libvirt confines QEMU.
struct Confinement {
    Account user;        // memrig's own if libvirt does not change it
    std::string driver;  // "apparmor" or "selinux", "" if there is neither
};
// Parses the text that virConnectGetCapabilities() returns.
Confinement read_confinement(const std::string& capabilities);

enum class Access { read, make_files };
// Finds the directory or file whose mode keeps `account` from `path`, and says it as "libvirt-qemu may not enter /root
// (0700 root)". Returns "" if there is none. The account counts as one without capabilities: libvirt takes those from
// QEMU, even from root's.
std::string what_keeps_out(const Account& account, const std::filesystem::path& path, Access access);

struct LibvirtError {
    int code = 0;  // virErrorNumber
    std::string text;
};
// Says what to do if libvirt refuses a connection.
std::string advise_on_connection(const LibvirtError& error);

// The files of memrig that a domain's QEMU uses.
struct OurFiles {
    std::filesystem::path kernel, initramfs;
    std::filesystem::path sockets;  // a directory
};
// Says what to do if libvirt does not start a domain; "" if only libvirt's own words help.
std::string advise_on_domain(const LibvirtError& error, const OurFiles& files, const Confinement& confinement);

// Says what to do if libvirt does not pass a descriptor to QEMU; "" likewise.
std::string advise_on_descriptor(const std::string& text);

// Says what to do if memrig cannot reach a gdbstub; "" likewise.
std::string advise_on_gdbstub(const std::string& text);

}  // namespace memrig
