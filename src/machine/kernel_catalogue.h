// The kernels that memrig knows by id (guest-images/kernels.toml), and how they are had.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "machine/kernel_image.h"

namespace memrig {

struct KernelEntry {
    std::string id;
    std::string description;
    std::string provider;  // "debian": a package, unpacked into the cache
    std::string package, suite, debian_arch;
    std::string arch;  // as uname -m prints it
};

Result<std::vector<KernelEntry>> kernel_catalogue();

// The kernel as it lies in the cache; nothing where it was not fetched yet.
Result<std::optional<KernelImage>> cached_kernel(const KernelEntry& entry);
// Fetches it (tools/fetch-deb; progress goes to stderr), or finds it in the cache.
Result<KernelImage> fetch_kernel(const KernelEntry& entry);
// By id, fetched if need be, or by path (something with a '/').
Result<KernelImage> resolve_kernel(const std::string& id_or_path);

}  // namespace memrig
