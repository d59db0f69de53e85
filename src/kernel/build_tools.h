// Runs the programs that build a kernel. It is an interface, since a build takes minutes and tests use a fake.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"

namespace memrig {

struct BuildStep {
    std::vector<std::string> argv;
    std::vector<std::string> environment;  // NAME=value, added to memrig's own
};

using LineSink = std::function<void(std::string_view)>;

// Not thread-safe.
class BuildTools {
public:
    virtual ~BuildTools() = default;
    // Runs a program to its end, and calls `line` for each line that it prints on stdout or stderr. If the user asks to
    // stop, kills the program and its children and fails with Fault::interrupted.
    virtual Result<ExitStatus> run(const BuildStep& step, const LineSink& line) = 0;
    // The compiler's name and full version, on which a build depends. Fails with Fault::host if the compiler or another
    // program that a build needs is missing.
    virtual Result<std::string> compiler_version(const std::string& compiler) = 0;
    // Fetches the newest version of a source package with tools/fetch-deb. Returns the directory whose root/ holds it.
    virtual Result<fs::path> fetch_source(const std::string& package, const std::string& suite) = 0;
};

std::unique_ptr<BuildTools> make_build_tools();

}  // namespace memrig
