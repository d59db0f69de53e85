// What this host can do for memrig, found out by looking; nothing is changed and no guest is started.
#pragma once

#include <string>
#include <vector>

namespace memrig {

enum class Readiness {
    ok,
    note,    // `memrig run` does without it, or with less
    missing  // `memrig run` needs it
};
const char* to_string(Readiness readiness);

struct HostCheck {
    std::string name;
    Readiness readiness = Readiness::ok;
    std::string detail;  // what was found, or what is wrong
    std::string remedy;  // empty where there is nothing to do
};

// `libvirt`: whether one may listen at all.
std::vector<HostCheck> check_host(bool libvirt);

}  // namespace memrig
