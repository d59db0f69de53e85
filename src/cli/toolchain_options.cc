#include "cli/toolchain_options.h"

#include <set>

namespace memrig {

void add_toolchain_options(CLI::App& command, std::string& arch, Toolchain& toolchain) {
    std::set<std::string> machines;
    std::string shown;
    for (const KbuildArch& one : kbuild_arches()) {
        machines.insert(one.machine);
        shown += (shown.empty() ? "" : "|") + std::string(one.machine);
    }
    command.add_option("--arch", arch, "Architecture of your tree's kernel; other than the host's: cross-compiled")
        ->type_name(shown)
        ->check(CLI::IsMember(machines).description(""))
        ->capture_default_str();
    command.add_flag_callback(
        "--llvm", [&toolchain] { toolchain = Toolchain::llvm; },
        "Build your tree with clang and LLVM's tools (tools/setup llvm)");
}

}  // namespace memrig
