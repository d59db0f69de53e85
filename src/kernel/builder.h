// Makes kernels from source: catalogue entries, their mutants, and a tree of the user's own. In the cache,
//   kernels/sources/NAME       a source package, unpacked; never written to
//   kernels/trees/KEY          a parent's source/ (hard links, replaced where a mutant patches) and build/
//   kernels/built/KEY          what a build yields: bzImage, System.map, config, release, build.log, mutant.diff
//   kernels/own/ID, own-trees/ the same for a user's tree, which is built anew each time, step by step
// An entry of built/ is whole or not there at all; a tree counts only once its file `whole` is there. One lock a tree.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "kernel/image.h"
#include "kernel/source_mutant.h"

namespace memrig {

class BuildTools;

struct KernelRecipe {
    std::string id;
    std::string arch;            // as uname -m prints it
    std::string package, suite;  // of the source
    std::vector<fs::path> configs;
    std::optional<SourceMutant> mutant;
};

struct OwnTree {
    fs::path source;
    std::vector<fs::path> configs;  // fragments, or one whole .config
    std::string id;                 // what --kernel is to take
};

// Not thread-safe; several processes may build at once.
class KernelBuilder {
public:
    // `cache`: memrig's. Progress goes to stderr.
    KernelBuilder(BuildTools& tools, fs::path cache);

    // What was built from the same inputs and the source that is in the cache.
    Result<std::optional<KernelImage>> built(const KernelRecipe& recipe);
    // That, or a new build: of the parent too where a mutant's parent was not built yet.
    Result<KernelImage> build(const KernelRecipe& recipe);
    // Never writes to the source. Fault::user_input where it is no kernel, or was built in.
    Result<KernelImage> build(const OwnTree& tree);
    // Where the objects of its builds are kept: build/, and `whole` beside it.
    Result<fs::path> place_of(const OwnTree& tree);
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
