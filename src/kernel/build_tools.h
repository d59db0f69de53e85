// The programs that make a kernel, behind an interface: a build takes minutes, so its tests use a fake.
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
    std::vector<std::string> environment;  // NAME=value, added to ours
};

using LineSink = std::function<void(std::string_view)>;

// Not thread-safe.
class BuildTools {
public:
    virtual ~BuildTools() = default;
    // Runs a program to its end; `line` is given each line that it prints, on stdout or stderr. A request to stop ends
    // it, with all it has started, and is Fault::interrupted.
    virtual Result<ExitStatus> run(const BuildStep& step, const LineSink& line) = 0;
    // What a build with this compiler depends on: its name and full version. Fails where a program that builds need is
    // missing.
    virtual Result<std::string> compiler_version(const std::string& compiler) = 0;
    // The directory whose root/ holds the newest version of a source package (tools/fetch-deb).
    virtual Result<fs::path> fetch_source(const std::string& package, const std::string& suite) = 0;
};

std::unique_ptr<BuildTools> make_build_tools();

}  // namespace memrig
