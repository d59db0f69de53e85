// What kernel_builder.cc and own_kernel.cc share.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "kernel/tree.h"

namespace memrig {

constexpr std::uint64_t kKernelTreeRoom = 1ull << 30;  // a build directory

Status need_room(const fs::path& place, std::uint64_t bytes);
// The lock beside a tree; says so where it has to wait for another run.
Result<FileLock> lock_tree(const fs::path& tree);
// Fault::user_input where one cannot be read.
Result<std::vector<ConfigText>> read_configs(const std::vector<fs::path>& paths);
Status remove_tree(const fs::path& path);
// For ccache, where there is one; paths below `base` do not count then.
std::vector<std::string> ccache_environment(const fs::path& cache, const fs::path& base);

// Removes what is half-made unless it came to a good end.
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
