// Debian packages, unpacked into the cache and not installed: tools/fetch-deb, which locks the cache and tells its progress.
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
    bool with_dependencies = false;  // for a program: what it needs and this host lacks is unpacked with it
};

// The directory whose root/ holds its files. `what` is what the user asked for: "the kernel debian-6.1-amd64".
Result<std::filesystem::path> fetch_debian_package(const DebianPackage& package, const std::string& what);

}  // namespace memrig
