// Describes a kernel to boot: its files and its identity.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"

namespace memrig {

struct KernelImage {
    std::string id;                      // the catalogue's id, or the path that the user gave
    std::string arch;                    // as uname -m prints it
    std::filesystem::path image;         // bzImage, vmlinux or Image
    std::filesystem::path modules_root;  // holds lib/modules/VERSION; empty if the kernel has no module files
    std::string modules_version;
    std::string sha256;  // the image's
};

// A kernel image of the user. Fault::user_input unless the file's headers show a kernel that a bench could boot: an x86
// setup header ("HdrS"), the magic of an arm64 Image, or ELF for a known machine.
Result<KernelImage> kernel_from_file(const std::filesystem::path& path);

}  // namespace memrig
