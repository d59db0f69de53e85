// Configures, builds and publishes one kernel source tree with its build directory. Kernels of the catalogue, mutants
// and users' trees share it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "kernel/build_log.h"
#include "kernel/build_tools.h"
#include "kernel/config.h"
#include "kernel/image.h"

namespace memrig {

// The programs that build a tree: gcc and binutils, or clang and LLVM's tools (LLVM= of kbuild,
// Documentation/kbuild/llvm.rst).
enum class Toolchain { gnu, llvm };

// The names that kbuild uses for a machine architecture.
struct KbuildArch {
    const char* machine;  // as uname -m prints it
    const char* arch;     // ARCH=
    const char* cross;    // CROSS_COMPILE=, the prefix of the compiler's and the linker's names
    const char* target;   // make's target that builds the image
    const char* image;    // the image's path below the build directory

    // The compiler's program: gcc, or clang, which compiles for every architecture.
    [[nodiscard]] std::string compiler(Toolchain toolchain) const;
};
// All that memrig builds kernels for.
std::span<const KbuildArch> kbuild_arches();
// Fails with Fault::user_input for an architecture that memrig cannot build kernels for.
Result<KbuildArch> kbuild_arch(const std::string& machine);

struct KernelTree {
    KbuildArch arch;
    fs::path source;  // never written to by a build
    fs::path build;
    std::vector<std::string> environment;  // NAME=value, for all programs of the build
    Toolchain toolchain = Toolchain::gnu;
};

// Fails with Fault::user_input unless `source` is a kernel's source that can be built out of tree (make O=).
Status check_source(const fs::path& source);

struct ConfigText {
    std::string name;  // for messages
    std::string text;
};

// Writes the configuration that the fragments ask for, and checks it. A complete .config is only brought up to date.
Status configure(BuildTools& tools, const KernelTree& tree, const std::vector<ConfigText>& configs, BuildLog& log);

// Builds the image, and the modules if the configuration has any (=m). `what` and `steps`: see BuildProgress.
Status make_image(BuildTools& tools, const KernelTree& tree, const std::string& what, unsigned steps, BuildLog& log);

// Fails if a program failed. The error gives the program's output, or says that the disk of `place` is full.
Status check_step(const Result<ExitStatus>& status, const std::string& what, const BuildLog& log,
                  const fs::path& place);

// Copies the image, the files that belong to it, and the modules to the directory `entry`, which appears complete.
// `extra`: further files, as pairs of name and text.
Status publish(const KernelTree& tree, const fs::path& log, const fs::path& entry,
               const std::vector<std::pair<std::string, std::string>>& extra);

// The kernel that publish() left at `entry`; nothing if there is none, or if it is damaged.
std::optional<KernelImage> published_kernel(const fs::path& entry, const KbuildArch& arch, const std::string& id);

}  // namespace memrig
