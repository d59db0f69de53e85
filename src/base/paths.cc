#include "base/paths.h"

#include <cstdlib>

#include "base/file.h"

namespace memrig {

namespace {
const char* environment(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0' ? value : nullptr;
}
}  // namespace

fs::path home_directory() {
    const char* home = environment("MEMRIG_HOME");
    return home != nullptr ? home : MEMRIG_SOURCE_DIR;
}

Result<fs::path> cache_directory() {
    fs::path path;
    if (const char* own = environment("MEMRIG_CACHE")) path = own;
    else if (const char* xdg = environment("XDG_CACHE_HOME")) path = fs::path(xdg) / "memrig";
    else if (const char* home = environment("HOME")) path = fs::path(home) / ".cache" / "memrig";
    else
        return fail_with({Fault::host, "neither HOME nor XDG_CACHE_HOME nor MEMRIG_CACHE is set", {}},
                         "set one of them");
    MEMRIG_CHECK(make_directories(path));
    return fs::absolute(path);
}

fs::path agent_binary(const std::string& machine_arch) {
    return fs::path(MEMRIG_BUILD_DIR) / "guest-images" / ("memrig-agent-" + machine_arch);
}

fs::path observer_plugin(unsigned interface) {
    return fs::path(MEMRIG_BUILD_DIR) / "observer" / fmt::format("memrig-observer-{}.so", interface);
}

std::string shown(const fs::path& path) {
    const fs::path relative = path.lexically_relative(home_directory());
    return relative.empty() || *relative.begin() == ".." ? path.string() : relative.string();
}

}  // namespace memrig
