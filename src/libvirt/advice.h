// What to do about what libvirt 9.0 and its QEMU say when they refuse.
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
    std::string name;  // its number where it has none
};
// With the groups that it is a member of.
Account account_of(uid_t uid, gid_t gid);

// What libvirt confines QEMU to.
struct Confinement {
    Account user;        // memrig's own where libvirt changes none
    std::string driver;  // "apparmor" or "selinux", "" where there is neither
};
// From virConnectGetCapabilities().
Confinement read_confinement(const std::string& capabilities);

enum class Access { read, make_files };
// The directory or file whose mode keeps a user without capabilities (libvirt takes those from QEMU, from root's too) from `path`: "libvirt-qemu
// may not enter /root (0700 root)". "" where none does.
std::string what_keeps_out(const Account& account, const std::filesystem::path& path, Access access);

struct LibvirtError {
    int code = 0;  // virErrorNumber
    std::string text;
};
// What to do about a connection that libvirt does not give.
std::string advise_on_connection(const LibvirtError& said);

// What a domain's QEMU uses of ours.
struct OurFiles {
    std::filesystem::path kernel, initramfs;
    std::filesystem::path sockets;  // a directory
};
// About a domain that it does not start. "" where only libvirt's own words help.
std::string advise_on_domain(const LibvirtError& said, const OurFiles& files, const Confinement& confinement);

// About a descriptor that it does not hand to QEMU; "" likewise.
std::string advise_on_descriptor(const std::string& text);

// About a gdbstub that memrig cannot reach; "" likewise.
std::string advise_on_gdbstub(const std::string& text);

}  // namespace memrig
