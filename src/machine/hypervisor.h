// The hypervisor of a bench whose kernel under test is not started by QEMU itself: Xen, which starts it as dom0.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"

namespace memrig {

// As the bench's file names it.
struct BenchHypervisor {
    std::string suite, arch, package;  // Debian's names
    std::string file;                  // inside of the package: a Multiboot image, perhaps compressed
    std::string append;                // its command line
};

struct Hypervisor {
    std::filesystem::path image;  // as QEMU takes it: not compressed; empty: the bench has no hypervisor
    std::string append;
    std::string sha256;  // of the image
};

// Fetches the package, or finds what was fetched before, and decompresses the image into the cache. Progress goes to
// stderr. Fault::host if the package does not hold the file. Safe to call from many threads and processes.
Result<Hypervisor> fetch_hypervisor(const BenchHypervisor& wanted);

}  // namespace memrig
