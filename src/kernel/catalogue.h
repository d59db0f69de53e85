// Finds kernels by id (guest-images/kernels.toml, and their mutants), and fetches or builds them.
#pragma once

#include <filesystem>
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
    std::string debian_arch;           // `debian`: Debian's name of the architecture
    std::vector<std::string> configs;  // `built`: names of files in guest-images/configs
    Toolchain toolchain = Toolchain::gnu;
    std::optional<SourceMutant> mutant;  // if set, the id is PARENT+MUTANT
    std::string arch;                    // as uname -m prints it
};

const char* to_string(KernelProvider provider);

// The kernels of kernels.toml. Fault::user_input, with file and line, if the file is wrong.
Result<std::vector<KernelEntry>> kernel_catalogue();
// The mutants of those `parents` that are built from source; their ids are PARENT+MUTANT.
Result<std::vector<KernelEntry>> mutant_catalogue(const std::vector<KernelEntry>& parents);
// Finds a kernel or a mutant by its id. Fault::user_input if there is none.
Result<KernelEntry> find_kernel(const std::string& id);

// The kernel in the cache; nothing if it was neither fetched nor built yet.
Result<std::optional<KernelImage>> cached_kernel(const KernelEntry& entry);
// Fetches the kernel's package with tools/fetch-deb, or finds it in the cache. Progress goes to stderr.
Result<KernelImage> fetch_kernel(const KernelEntry& entry);
// Builds the kernel, or finds it in the cache. Progress goes to stderr.
Result<KernelImage> build_kernel(const KernelEntry& entry);
// Builds a user's tree. Fault::user_input if the catalogue has its id.
Result<KernelImage> build_own_kernel(const OwnTree& tree);

// Returns whether the text is a kernel's path and not an id: a path has a '/'.
bool is_kernel_path(const std::string& id_or_path);
// Fails with Fault::user_input if a folder of modules is given for anything but a single kernel by path.
Status check_modules(const std::vector<std::string>& kernels, const std::filesystem::path& modules);
// Finds a kernel by its path or its id, and fetches or builds it if needed. A kernel by path gets the modules in the
// folder `modules` (see use_modules()), or without one those that lie beside it (see modules_beside()).
Result<KernelImage> resolve_kernel(const std::string& id_or_path, const std::filesystem::path& modules = {});

}  // namespace memrig
