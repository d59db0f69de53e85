// Files of ours on a host where libvirt runs QEMU, and memrig does not.
#pragma once

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

private:
    Status make_pool();
    Result<std::filesystem::path> upload(const std::filesystem::path& file, const std::string& name);

    Connection connection_;
    std::mutex mutex_;
    StoragePool pool_;
    std::map<std::filesystem::path, std::filesystem::path> sent_;  // by ours
};

// memrig-HOST-PID, of this process: what names the things that it makes at a libvirt.
std::string own_name();
// Whether `name`, of something at a libvirt, is own_name() of a process of this host that is gone.
bool is_left_behind(const std::string& name);

}  // namespace memrig
