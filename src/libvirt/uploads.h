// Puts files of memrig on another host, where libvirt runs QEMU.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "libvirt/handles.h"

namespace memrig {

struct FreePool {
    void operator()(virStoragePoolPtr pool) const { virStoragePoolFree(pool); }
};
using StoragePool = std::unique_ptr<virStoragePool, FreePool>;
struct FreeVolume {
    void operator()(virStorageVolPtr volume) const { virStorageVolFree(volume); }
};
using Volume = std::unique_ptr<virStorageVol, FreeVolume>;
// Removes the remote file with its owner.
struct RemoveVolume {
    void operator()(virStorageVolPtr volume) const {
        virStorageVolDelete(volume, 0);
        virStorageVolFree(volume);
    }
};
using RemoteFile = std::unique_ptr<virStorageVol, RemoveVolume>;
// The path of `volume` on libvirt's host.
Result<std::filesystem::path> path_of(virStorageVolPtr volume);

// A storage pool of memrig's own: a directory below /var/tmp on libvirt's host, named memrig-HOST-PID-RANDOM after
// its maker. It is removed with this object. If memrig is killed, the next memrig from the same host removes the pool.
// Thread-safe.
class Uploads {
public:
    explicit Uploads(Connection connection);
    Uploads(const Uploads&) = delete;
    Uploads& operator=(const Uploads&) = delete;
    ~Uploads();

    // Sends `file`, once, and returns its path there. The file must not change as long as this object lives.
    Result<std::filesystem::path> send(const std::filesystem::path& file);
    // Makes a new file of `bytes` bytes, all zero. The file must not outlive this object.
    Result<RemoteFile> make(const std::string& name, std::uint64_t bytes);

private:
    // REQUIRES: mutex_ is held, for all of these.
    Status make_pool();
    Result<Volume> make_room(const std::string& name, std::uint64_t bytes);
    Result<std::filesystem::path> upload(const std::filesystem::path& file);

    Connection connection_;
    std::mutex mutex_;
    StoragePool pool_;
    unsigned made_ = 0;                                            // number of files, for a unique name of each
    std::map<std::filesystem::path, std::filesystem::path> sent_;  // the path there, by the path here
};

// memrig-HOST-PID of this process: the beginning of the names of all that it makes at a libvirt.
std::string own_name();
// own_name() and a random part: nobody on libvirt's host can make a directory of that name before.
std::string unforeseen_name();
// Whether `name`, of something at a libvirt, begins with own_name() of a process of this host that is gone.
bool is_left_behind(const std::string& name);

}  // namespace memrig
