#include "base/assert.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace memrig {

namespace {

// From the layer on: the rest is where it was built.
std::string_view shown(std::string_view file) {
    for (const std::string_view root : {"/layers/", "/src/"})
        if (const std::size_t at = file.rfind(root); at != std::string_view::npos) return file.substr(at + root.size());
    return file;
}

}  // namespace

void assertion_failed(const char* file, int line, const char* condition, const char* what) noexcept {
    const std::string_view place = shown(file);
    std::fflush(stdout);
    std::fprintf(stderr, "memrig: %.*s:%d: this does not hold: %s (%s); it is a fault of memrig, please report it\n",
                 static_cast<int>(place.size()), place.data(), line, what, condition);
    std::abort();
}

}  // namespace memrig
