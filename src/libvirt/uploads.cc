#include "libvirt/uploads.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <csignal>
#include <random>
#include <sstream>
#include <vector>

#include <fcntl.h>
#include <libvirt/virterror.h>
#include <sys/stat.h>
#include <unistd.h>
#include <pugixml.hpp>

#include "base/descriptor.h"
#include "base/file.h"

namespace memrig {

namespace {

// Every host has this directory. It lasts as long as a run, and QEMU may enter it as any user.
constexpr const char* kThere = "/var/tmp/";
constexpr const char* kDirectoryMode = "0755";
constexpr const char* kFileMode = "0644";
constexpr std::size_t kPortion = 256u << 10;

std::string text_of(const pugi::xml_document& document) {
    std::ostringstream text;
    document.save(text, "", pugi::format_raw | pugi::format_no_declaration);
    return text.str();
}

void add_permissions(pugi::xml_node target, const char* mode) {
    target.append_child("permissions").append_child("mode").text().set(mode);
}

std::string pool_xml(const std::string& name) {
    pugi::xml_document document;
    pugi::xml_node pool = document.append_child("pool");
    pool.append_attribute("type").set_value("dir");
    pool.append_child("name").text().set(name.c_str());
    pugi::xml_node target = pool.append_child("target");
    target.append_child("path").text().set((kThere + name).c_str());
    add_permissions(target, kDirectoryMode);
    return text_of(document);
}

std::string volume_xml(const std::string& name, std::uintmax_t bytes) {
    pugi::xml_document document;
    pugi::xml_node volume = document.append_child("volume");
    volume.append_child("name").text().set(name.c_str());
    pugi::xml_node capacity = volume.append_child("capacity");
    capacity.append_attribute("unit").set_value("bytes");
    capacity.text().set(std::to_string(bytes).c_str());
    volume.append_child("allocation").text().set("0");  // unwritten parts take no room
    pugi::xml_node target = volume.append_child("target");
    target.append_child("format").append_attribute("type").set_value("raw");
    add_permissions(target, kFileMode);
    return text_of(document);
}

// Removes the pool with its files. Errors are ignored: there is nobody left to report them to.
void remove(virStoragePoolPtr pool) {
    virStorageVolPtr* found = nullptr;
    const int count = virStoragePoolListAllVolumes(pool, &found, 0);
    for (int i = 0; i < count; ++i) {
        const Volume volume(found[i]);
        virStorageVolDelete(volume.get(), 0);
    }
    free(found);  // NOLINT: libvirt's malloc()
    virStoragePoolDestroy(pool);
    virStoragePoolDelete(pool, 0);
    virStoragePoolUndefine(pool);
}

void remove_left_behind(const Connection& connection) {
    virStoragePoolPtr* found = nullptr;
    const int count = virConnectListAllStoragePools(connection.get(), &found, 0);
    for (int i = 0; i < count; ++i) {
        const StoragePool pool(found[i]);
        if (is_left_behind(virStoragePoolGetName(pool.get()))) remove(pool.get());
    }
    free(found);  // NOLINT: libvirt's malloc()
}

std::string this_host() {
    std::array<char, HOST_NAME_MAX + 1> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0) return "host";
    std::string text = name.data();
    // The text becomes a part of file names, and of names whose parts are separated by dashes.
    for (char& c : text)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '.') c = '_';
    return text;
}

std::string beginning() { return "memrig-" + this_host() + "-"; }

}  // namespace

std::string own_name() { return beginning() + std::to_string(::getpid()); }

std::string unforeseen_name() {
    std::random_device random;
    std::string name = own_name() + "-";
    for (int i = 0; i < 4; i++) name += fmt::format("{:08x}", static_cast<std::uint32_t>(random()));
    return name;
}

bool is_left_behind(const std::string& name) {
    const std::string mine = beginning();
    if (!name.starts_with(mine)) return false;
    pid_t pid = 0;
    const auto read = std::from_chars(name.data() + mine.size(), name.data() + name.size(), pid);
    const bool whole = read.ec == std::errc() && (read.ptr == name.data() + name.size() || *read.ptr == '-');
    return whole && pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH;
}

Result<fs::path> path_of(virStorageVolPtr volume) {
    const Text path(virStorageVolGetPath(volume));
    if (!path) return std::unexpected(libvirt_error(Fault::host, "ask libvirt where a file of ours is"));
    return fs::path(path.get());
}

Uploads::Uploads(Connection connection) : connection_(std::move(connection)) {}

Uploads::~Uploads() {
    if (pool_) remove(pool_.get());
}

Status Uploads::make_pool() {
    remove_left_behind(connection_);
    const std::string name = unforeseen_name();
    pool_.reset(virStoragePoolDefineXML(connection_.get(), pool_xml(name).c_str(), 0));
    if (!pool_) return std::unexpected(libvirt_error(Fault::host, "define a storage pool at libvirt"));
    if (virStoragePoolCreate(pool_.get(), VIR_STORAGE_POOL_CREATE_WITH_BUILD) < 0)
        return std::unexpected(libvirt_error(Fault::host, fmt::format("make {}{} at libvirt's host", kThere, name)));
    return {};
}

Result<fs::path> Uploads::send(const fs::path& file) {
    const std::lock_guard guard(mutex_);
    if (const auto known = sent_.find(file); known != sent_.end()) return known->second;
    MEMRIG_TRY(const fs::path there, upload(file));
    sent_.emplace(file, there);
    return there;
}

Result<RemoteFile> Uploads::make(const std::string& name, std::uint64_t bytes) {
    const std::lock_guard guard(mutex_);
    MEMRIG_TRY(Volume volume, make_room(name, bytes));
    return RemoteFile(volume.release());
}

Result<Volume> Uploads::make_room(const std::string& name, std::uint64_t bytes) {
    if (!pool_) MEMRIG_CHECK(make_pool());
    const std::string xml = volume_xml(fmt::format("{}-{}", made_++, name), bytes);
    Volume volume(virStorageVolCreateXML(pool_.get(), xml.c_str(), 0));
    if (!volume) return std::unexpected(libvirt_error(Fault::host, "make room for " + name + " at libvirt"));
    return volume;
}

Result<fs::path> Uploads::upload(const fs::path& file) {
    const Descriptor source(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat found{};
    if (!source.valid() || ::fstat(source.get(), &found) != 0) return fail_errno(Fault::host, "open " + file.string());
    const auto bytes = static_cast<unsigned long long>(found.st_size);  // NOLINT: libvirt's type
    MEMRIG_TRY(const Volume volume, make_room(file.filename().string(), bytes));
    const Stream stream(virStreamNew(connection_.get(), 0));
    const auto failed = [&] {
        return std::unexpected(libvirt_error(Fault::host, "send " + file.string() + " to libvirt"));
    };
    if (!stream || virStorageVolUpload(volume.get(), stream.get(), 0, bytes, 0) < 0) return failed();
    std::vector<char> buffer(kPortion);
    for (;;) {
        const ssize_t got = ::read(source.get(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            virStreamAbort(stream.get());
            return fail_errno(Fault::host, "read " + file.string());
        }
        if (got == 0) break;
        for (ssize_t sent = 0; sent < got;) {
            const int n = virStreamSend(stream.get(), buffer.data() + sent, static_cast<std::size_t>(got - sent));
            if (n < 0) return failed();
            sent += n;
        }
    }
    if (virStreamFinish(stream.get()) < 0) return failed();
    return path_of(volume.get());
}

}  // namespace memrig
