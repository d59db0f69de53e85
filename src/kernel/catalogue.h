// The kernels that memrig knows by id (guest-images/kernels.toml, and their mutants), and how they are had.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernel/builder.h"
#include "kernel/image.h"

namespace memrig {

enum class KernelProvider {
    debian,  // a package, unpacked into the cache
    built    // from a source package and configuration fragments
};

struct KernelEntry {
    std::string id;
    std::string description;
    KernelProvider provider = KernelProvider::debian;
    std::string package, suite;
    std::string debian_arch;             // of a package
    std::vector<std::string> configs;    // of what is built: names in guest-images/configs
    std::optional<SourceMutant> mutant;  // the id is then PARENT+MUTANT
    std::string arch;                    // as uname -m prints it
};

const char* to_string(KernelProvider provider);

// Those of kernels.toml.
Result<std::vector<KernelEntry>> kernel_catalogue();
// The mutants of those that are built, ids PARENT+MUTANT.
Result<std::vector<KernelEntry>> mutant_catalogue(const std::vector<KernelEntry>& parents);
// By id, mutants too. Fault::user_input where there is none.
Result<KernelEntry> find_kernel(const std::string& id);

// The kernel as it lies in the cache; nothing where it was neither fetched nor built yet.
Result<std::optional<KernelImage>> cached_kernel(const KernelEntry& entry);
// Fetches a package (tools/fetch-deb; progress goes to stderr), or finds it in the cache.
Result<KernelImage> fetch_kernel(const KernelEntry& entry);
// Builds it, or finds it in the cache; progress goes to stderr.
Result<KernelImage> build_kernel(const KernelEntry& entry);
// A tree of the user's own; its id must not be one of the catalogue's.
Result<KernelImage> build_own_kernel(const OwnTree& tree);
// By id, fetched or built if need be, or by path (something with a '/').
Result<KernelImage> resolve_kernel(const std::string& id_or_path);

}  // namespace memrig
