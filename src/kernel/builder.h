// Builds kernels from source: catalogue entries, their mutants, and trees of the user. The cache holds
//   kernels/sources/NAME        an unpacked source package; never written to
//   kernels/trees/KEY           a parent's source/ (hard links; a mutant replaces the files that it patches) and build/
//   kernels/built/KEY           a build's results: bzImage, System.map, config, release, build.log, mutant.diff
//   kernels/own/ID, own-trees/  the same for a user's tree, in which make decides at each build what to compile
// An entry of built/ is complete or does not exist. A tree counts only if it has its file `whole`. Each tree has a
// lock.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "kernel/image.h"
#include "kernel/source_mutant.h"
#include "kernel/tree.h"

namespace memrig {

class BuildTools;

struct KernelRecipe {
    std::string id;
    std::string arch;            // as uname -m prints it
    std::string package, suite;  // the source package, and its suite
    std::vector<fs::path> configs;
    std::optional<SourceMutant> mutant;
    Toolchain toolchain = Toolchain::gnu;
};

struct OwnTree {
    fs::path source;
    std::vector<fs::path> configs;  // fragments, or one whole .config
    std::string id;                 // the kernel's id for --kernel
    std::string arch = "x86_64";    // as uname -m prints it
    Toolchain toolchain = Toolchain::gnu;
};

// Not thread-safe. Several processes may build at the same time.
class KernelBuilder {
public:
    // `cache`: memrig's cache directory. Progress goes to stderr.
    KernelBuilder(BuildTools& tools, fs::path cache);

    // The kernel built from the same inputs and the source in the cache; nothing if there is none.
    Result<std::optional<KernelImage>> built(const KernelRecipe& recipe);
    // The same kernel, or a new build of it. For a mutant, builds the parent first if needed.
    Result<KernelImage> build(const KernelRecipe& recipe);
    // Builds a user's tree, without writing to the source. Fault::user_input if the source is not a kernel's, or
    // contains an in-tree build.
    Result<KernelImage> build(const OwnTree& tree);
    // The directory for the tree's builds, with build/ and `whole`.
    Result<fs::path> place_of(const OwnTree& tree);
    // The kernel that was built from a user's tree under this id; nothing if there is none.
    Result<std::optional<KernelImage>> own(const std::string& id);

private:
    struct Plan;
    Result<Plan> plan(const KernelRecipe& recipe, const fs::path& package);
    Result<std::optional<fs::path>> known_package(const KernelRecipe& recipe);
    Result<fs::path> package_of(const KernelRecipe& recipe);
    Status unpack(const Plan& plan);
    Status build_parent(const Plan& plan);
    Status build_mutant(const Plan& plan, const SourceMutant& mutant);
    Result<std::string> patch(const Plan& plan, const SourceMutant& mutant, const fs::path& scratch);

    BuildTools& tools_;
    fs::path kernels_;
};

}  // namespace memrig
