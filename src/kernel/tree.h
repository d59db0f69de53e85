// One kernel source tree with its build directory: configure, make, publish. What catalogue kernels, mutants and a user's
// own tree have in common.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "kernel/build_log.h"
#include "kernel/build_tools.h"
#include "kernel/config.h"
#include "kernel/image.h"

namespace memrig {

// How kbuild names a machine architecture.
struct KbuildArch {
    const char* machine;  // as uname -m prints it
    const char* arch;     // ARCH=
    const char* cross;    // CROSS_COMPILE=: what the names of its compiler and linker begin with
    const char* target;
    const char* image;  // below the build directory

    [[nodiscard]] std::string compiler() const { return std::string(cross) + "gcc"; }
};
Result<KbuildArch> kbuild_arch(const std::string& machine);

struct KernelTree {
    KbuildArch arch;
    fs::path source;  // never written to by a build
    fs::path build;
    std::vector<std::string> environment;  // for all of its programs
};

// Fails with Fault::user_input unless `source` is a kernel's, one that can be built elsewhere (make O=).
Status check_source(const fs::path& source);

struct ConfigText {
    std::string name;  // for messages
    std::string text;
};

// Writes the configuration that the fragments ask for and checks it; a whole .config is only brought up to date.
Status configure(BuildTools& tools, const KernelTree& tree, const std::vector<ConfigText>& configs, BuildLog& log);

// Builds the image; `steps` as for BuildProgress.
Status make_image(BuildTools& tools, const KernelTree& tree, const std::string& what, unsigned steps, BuildLog& log);

// The error of a program that failed: what it said, or that the disk is full.
Status check_step(const Result<ExitStatus>& status, const std::string& what, const BuildLog& log,
                  const fs::path& place);

// Copies the image and what goes with it to `entry`, at once; `extra` are further files with their text.
Status publish(const KernelTree& tree, const fs::path& log, const fs::path& entry,
               const std::vector<std::pair<std::string, std::string>>& extra);

// What publish() left at `entry`; nothing where there is none, or it is damaged.
std::optional<KernelImage> published_kernel(const fs::path& entry, const KbuildArch& arch, const std::string& id);

}  // namespace memrig
