#include "kernel/debian_package.h"

#include "base/file.h"
#include "base/paths.h"
#include "base/process.h"

namespace memrig {

Result<fs::path> fetch_debian_package(const DebianPackage& package, const std::string& what) {
    const fs::path script = home_directory() / "tools" / "fetch-deb";
    std::vector<std::string> argv = {script.string(), "--suite", package.suite};
    if (!package.arch.empty()) argv.insert(argv.end(), {"--arch", package.arch});
    if (package.with_dependencies) argv.emplace_back("--with-dependencies");
    argv.push_back(package.name);
    MEMRIG_TRY(const RunResult run, run_program(argv, Deadline::after(kDownloadPatience)));
    if (!run.status.success())
        return fail_with(
            {Fault::host, fmt::format("cannot fetch {}: tools/fetch-deb ended with {}", what, run.status.text()), {}},
            "see its message above");
    return fs::path(run.output.substr(0, run.output.find('\n')));
}

}  // namespace memrig
