// Files of ours on a host where libvirt runs QEMU, and memrig does not.
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
// A file there that goes with this.
struct RemoveVolume {
    void operator()(virStorageVolPtr volume) const {
        virStorageVolDelete(volume, 0);
        virStorageVolFree(volume);
    }
};
using RemoteFile = std::unique_ptr<virStorageVol, RemoveVolume>;
Result<std::filesystem::path> path_of(virStorageVolPtr volume);

// A storage pool of memrig's own, a directory below /var/tmp there, named memrig-HOST-PID-N after who made it. It is removed with this
// object; one that a killed memrig left is removed by the next that comes from the same host. Thread-safe.
class Uploads {
public:
    explicit Uploads(Connection connection);
    Uploads(const Uploads&) = delete;
    Uploads& operator=(const Uploads&) = delete;
    ~Uploads();

    // Where `file` lies there. It is sent once, and may not change as long as this object lives.
    Result<std::filesystem::path> send(const std::filesystem::path& file);
    // A new file of so many bytes, all of them zero. It may not outlive this object.
    Result<RemoteFile> make(const std::string& name, std::uint64_t bytes);

private:
    // Both with mutex_ held.
    Status make_pool();
    Result<Volume> make_room(const std::string& name, std::uint64_t bytes);
    Result<std::filesystem::path> upload(const std::filesystem::path& file);

    Connection connection_;
    std::mutex mutex_;
    StoragePool pool_;
    unsigned made_ = 0;                                            // files: each has a name of its own
    std::map<std::filesystem::path, std::filesystem::path> sent_;  // by ours
};

// memrig-HOST-PID, of this process: what names the things that it makes at a libvirt.
std::string own_name();
// Whether `name`, of something at a libvirt, is own_name() of a process of this host that is gone.
bool is_left_behind(const std::string& name);

}  // namespace memrig
