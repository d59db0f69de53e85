// Describes a kernel to boot: its files and its identity.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"

namespace memrig {

struct KernelImage {
    std::string id;                 // the catalogue's id, or the path that the user gave
    std::string arch;               // as uname -m prints it
    std::filesystem::path image;    // bzImage, vmlinux or Image
    std::string release;            // as uname -r prints it; empty if the image does not tell it
    std::filesystem::path modules;  // the folder lib/modules/RELEASE; empty if the kernel has no module files
    std::string sha256;             // the image's
};

// A kernel image of the user, without modules. Fault::user_input unless the file's headers show a kernel that a bench
// could boot: an x86 setup header ("HdrS"), the magic of an arm64 Image, or ELF for a known machine.
Result<KernelImage> kernel_from_file(const std::filesystem::path& path);

// Finds the folder of the kernel's modules where distributions keep it: ROOT/lib/modules/RELEASE or
// ROOT/usr/lib/modules/RELEASE for the image ROOT/boot/NAME, and the folder of the image itself if RELEASE is its name.
// Empty if there is none.
std::filesystem::path modules_beside(const KernelImage& kernel);

// Gives the kernel the modules in `folder`, as `make modules_install` leaves them in lib/modules/RELEASE.
// Fault::user_input if the folder holds no modules, or if its name is another release than the kernel's. An image that
// does not tell its release gets that of the folder.
Status use_modules(KernelImage& kernel, const std::filesystem::path& folder);

}  // namespace memrig
