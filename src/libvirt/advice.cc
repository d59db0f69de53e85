#include "libvirt/advice.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <grp.h>
#include <libvirt/virterror.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <pugixml.hpp>

namespace memrig {

namespace fs = std::filesystem;

namespace {

constexpr const char* kRestart = "in /etc/libvirt/qemu.conf, then systemctl restart libvirtd";
constexpr mode_t kRead = 4, kWrite = 2, kEnter = 1;

bool says(const std::string& text, std::string_view words) { return text.find(words) != std::string::npos; }

std::string name_of(uid_t uid) {
    const passwd* entry = ::getpwuid(uid);  // NOLINT(concurrency-mt-unsafe)
    return entry != nullptr ? entry->pw_name : std::to_string(uid);
}

bool may(const Account& account, const struct stat& file, mode_t wanted) {
    unsigned shift = 0;
    if (file.st_uid == account.uid) shift = 6;
    else if (std::ranges::find(account.groups, file.st_gid) != account.groups.end()) shift = 3;
    return (file.st_mode >> shift & wanted) == wanted;
}

std::string forbidden(const Account& account, const char* what, const fs::path& path, const struct stat& file) {
    return fmt::format("{} may not {} {} ({:04o} {})", account.name, what, path.string(), file.st_mode & 07777U,
                       name_of(file.st_uid));
}

// A path that QEMU was refused, and the access that it needs.
struct Refused {
    fs::path path;
    Access access;
    std::string elsewhere;  // how to move it to where QEMU may go
};
std::optional<Refused> refused(const std::string& text, const OurFiles& files) {
    const std::string cache = "set MEMRIG_CACHE to a directory that it may read, such as one in /var/tmp";
    for (const auto& file : {files.kernel, files.initramfs})
        if (!file.empty() && says(text, file.string())) return Refused{file, Access::read, cache};
    if (!files.sockets.empty() && says(text, files.sockets.string()))
        return Refused{files.sockets, Access::make_files, {}};
    return std::nullopt;
}

std::string advise_on_refusal(const Refused& what, const Confinement& confinement) {
    const std::string kept_out = what_keeps_out(confinement.user, what.path, what.access);
    const std::string user = fmt::format("user = \"{}\" {}", name_of(::geteuid()), kRestart);
    if (kept_out.empty() && !confinement.driver.empty())
        return fmt::format("{} keeps QEMU from it: security_driver = \"none\" {}", confinement.driver, kRestart);
    const std::string elsewhere = what.elsewhere.empty() ? "" : what.elsewhere + ", or ";
    return fmt::format("QEMU's user {}: {}set {}", kept_out.empty() ? confinement.user.name + " may not" : kept_out,
                       elsewhere, user);
}

// Advice on a connection to another host.
std::string advise_on_network(const std::string& text) {
    if (says(text, "Cannot read CA certificate") || says(text, "Cannot read client certificate"))
        return "put cacert.pem, clientcert.pem and clientkey.pem into a directory, and name it in the URI: "
               "qemu+tls://HOST/system?pkipath=DIRECTORY";
    if (says(text, "Failed to verify peer's certificate") || says(text, "failed validation against"))
        return "that host's certificate, and clientcert.pem, have to be signed by the CA in cacert.pem";
    if (says(text, "unable to connect to server at"))
        return "is it up, and does its libvirtd listen there? qemu+tls wants listen_tls = 1 in "
               "/etc/libvirt/libvirtd.conf and libvirtd --listen, or libvirtd-tls.socket";
    if (says(text, "Unable to resolve address")) return "is that the host's name?";
    if (says(text, "ssh: ")) return "ssh HOST virsh -c qemu:///system version has to work without a password";
    return {};
}

}  // namespace

Account account_of(uid_t uid, gid_t gid) {
    Account account{uid, {gid}, name_of(uid)};
    int count = 0;
    ::getgrouplist(account.name.c_str(), gid, nullptr, &count);
    account.groups.resize(static_cast<std::size_t>(std::max(count, 1)), gid);
    if (count > 0) ::getgrouplist(account.name.c_str(), gid, account.groups.data(), &count);
    return account;
}

Confinement read_confinement(const std::string& capabilities) {
    Confinement confinement{account_of(::geteuid(), ::getegid()), {}};
    pugi::xml_document document;
    document.load_string(capabilities.c_str());
    for (const auto& model : document.child("capabilities").child("host").children("secmodel")) {
        const std::string name = model.child_value("model");
        if (name == "apparmor" || name == "selinux") confinement.driver = name;
        // "+UID:+GID"
        const std::string label = model.find_child_by_attribute("baselabel", "type", "qemu").child_value();
        const std::size_t colon = label.find(":+");
        if (name == "dac" && label.starts_with('+') && colon != std::string::npos)
            confinement.user = account_of(static_cast<uid_t>(std::strtoul(label.c_str() + 1, nullptr, 10)),
                                          static_cast<gid_t>(std::strtoul(label.c_str() + colon + 2, nullptr, 10)));
    }
    return confinement;
}

std::string what_keeps_out(const Account& account, const fs::path& path, Access access) {
    std::error_code code;
    const fs::path whole = fs::canonical(path, code);
    if (code) return {};
    struct stat file{};
    fs::path place;
    for (const auto& part : whole) {
        place /= part;
        if (::stat(place.c_str(), &file) != 0) return {};
        if (place != whole && !may(account, file, kEnter)) return forbidden(account, "enter", place, file);
    }
    if (access == Access::read) return may(account, file, kRead) ? "" : forbidden(account, "read", whole, file);
    return may(account, file, kWrite | kEnter) ? "" : forbidden(account, "make files in", whole, file);
}

std::string advise_on_connection(const LibvirtError& error) {
    if (std::string advice = advise_on_network(error.text); !advice.empty()) return advice;
    const bool socket = says(error.text, "Failed to connect socket");
    if (socket && says(error.text, "No such file or directory"))
        return "no libvirtd listens there: systemctl start libvirtd, or apt-get install libvirt-daemon-system";
    if (socket && says(error.text, "Connection refused"))
        return "a libvirtd that is gone has left its socket: systemctl restart libvirtd";
    if ((socket && says(error.text, "Permission denied")) || error.code == VIR_ERR_AUTH_FAILED ||
        error.code == VIR_ERR_AUTH_CANCELLED || error.code == VIR_ERR_AUTH_UNAVAILABLE)
        return fmt::format("adduser {} libvirt, and log in again; or use qemu:///session", name_of(::geteuid()));
    if (error.code == VIR_ERR_NO_CONNECT)
        return "give the URI of a libvirt that runs QEMU, such as qemu:///session; apt-get install "
               "libvirt-daemon-driver-qemu";
    return "is libvirtd running there, and may this user use it?";
}

std::string advise_on_domain(const LibvirtError& error, const OurFiles& files, const Confinement& confinement) {
    const auto what = refused(error.text, files);
    if (what && says(error.text, "Permission denied")) return advise_on_refusal(*what, confinement);
    if (what && says(error.text, "No such file or directory"))
        return "libvirt's QEMU sees other files there than memrig: set MEMRIG_CACHE and TMPDIR to directories that "
               "both see";
    if (says(error.text, "domaintype=kvm")) return "libvirt's QEMU has no KVM: --accel tcg";
    if (says(error.text, "unable to find any emulator") || says(error.text, "could not find capabilities for") ||
        says(error.text, "is not supported by emulator"))
        return "apt-get install qemu-system-x86 qemu-system-ppc, then systemctl restart libvirtd";
    return {};
}

std::string advise_on_descriptor(const std::string& text) {
    return says(text, "unknown procedure") || says(text, "not supported by the connection driver")
               ? "libvirt 8.2 or newer is needed, which has virDomainQemuMonitorCommandWithFiles"
               : "";
}

std::string advise_on_gdbstub(const std::string& text) {
    return says(text, "Permission denied")
               ? fmt::format("the socket is QEMU's user's: set user = \"{}\" {}", name_of(::geteuid()), kRestart)
               : "";
}

}  // namespace memrig
