// Fetches Debian packages with tools/fetch-deb, which unpacks them into the cache, without installing them. The tool
// locks the cache and prints its progress.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "base/error.h"

namespace memrig {

inline constexpr auto kDownloadPatience = std::chrono::minutes(30);

struct DebianPackage {
    std::string name, suite;
    std::string arch;                // Debian's name of it; empty: this host's
    bool with_dependencies = false;  // for a program: also unpacks the dependencies that this host lacks
};

// Returns the directory whose root/ holds the package's files. `what` names the user's request in errors, such as
// "the kernel debian-6.1-amd64".
Result<std::filesystem::path> fetch_debian_package(const DebianPackage& package, const std::string& what);

}  // namespace memrig
