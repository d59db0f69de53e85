// Checks what this host can do for memrig. The checks change nothing and start no guest.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace memrig {

enum class Readiness {
    ok,
    note,    // `memrig run` works without it, or with less
    missing  // `memrig run` needs it
};
const char* to_string(Readiness readiness);

struct HostCheck {
    std::string name;
    Readiness readiness = Readiness::ok;
    std::string detail;  // the finding, or the error
    std::string remedy;  // empty if there is nothing to do

    static HostCheck ok(std::string name, std::string detail) {
        return {std::move(name), Readiness::ok, std::move(detail), {}};
    }
};

// `libvirt`: also check for libvirt's library and daemon on this host.
std::vector<HostCheck> check_host(bool libvirt);

}  // namespace memrig
