// Builds the guest's initramfs: the agent as init, and the modules that the kernel under test needs.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace memrig {

struct InitramfsModule {
    std::string file;   // "virtio_mem.ko"
    std::string image;  // the ELF file's bytes, not compressed
};

// Returns a newc archive, not compressed. The agent loads the modules in this order. Equal inputs give equal bytes.
Result<std::string> build_initramfs(std::string_view agent, const std::vector<InitramfsModule>& modules);

struct Initramfs {
    std::filesystem::path path;
    std::string hash;  // SHA-256 of its bytes, 64 hex digits
};

// Builds the initramfs and keeps it in CACHE/images/HASH/initramfs. Safe to call from many processes and threads.
Result<Initramfs> prepare_initramfs(const std::filesystem::path& agent, const std::vector<InitramfsModule>& modules,
                                    const std::filesystem::path& cache);

}  // namespace memrig
