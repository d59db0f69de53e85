// A kernel to boot: where its files are, and what it is.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"

namespace memrig {

struct KernelImage {
    std::string id;                      // the catalogue's id, or the path that the user gave
    std::string arch;                    // as uname -m prints it
    std::filesystem::path image;         // bzImage, vmlinux or Image
    std::filesystem::path modules_root;  // holds lib/modules/VERSION; empty where the kernel came without modules
    std::string modules_version;
    std::string sha256;  // of the image
};

// A kernel of the user's own. Fault::user_input where the file is no kernel that a bench could boot: what it is must be
// plain from its headers (x86 setup header "HdrS", arm64 Image magic, ELF of a known machine).
Result<KernelImage> kernel_from_file(const std::filesystem::path& path);

}  // namespace memrig
