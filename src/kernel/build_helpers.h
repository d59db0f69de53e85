// Helper functions that builder.cc and own_kernel.cc share. Failures are Fault::host unless said otherwise.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "kernel/tree.h"

namespace memrig {

constexpr std::uint64_t kKernelTreeRoom = 1ull << 30;  // bytes that a build directory needs

// Fails if the file system of `place` has less than `bytes` free.
Status need_room(const fs::path& place, std::uint64_t bytes);
// Takes the lock TREE.lock. Prints a message if it has to wait for another build.
Result<FileLock> lock_tree(const fs::path& tree);
// Fails with Fault::user_input if a file cannot be read.
Result<std::vector<ConfigText>> read_configs(const std::vector<fs::path>& paths);
Status remove_tree(const fs::path& path);
// The environment for ccache: its directory, and `base`, below which ccache ignores absolute paths. `base` may be
// empty.
std::vector<std::string> ccache_environment(const fs::path& cache, const fs::path& base);

// Removes an unfinished directory, unless keep() is called first.
class Unfinished {
public:
    explicit Unfinished(fs::path path) : path_(std::move(path)) {}
    ~Unfinished();
    Unfinished(const Unfinished&) = delete;
    Unfinished& operator=(const Unfinished&) = delete;
    void keep() { path_.clear(); }

private:
    fs::path path_;
};

}  // namespace memrig
