// What a libvirt can do for memrig, found out by starting a small domain that never runs: for `memrig doctor --backend libvirt:URI`.
#pragma once

#include <string>
#include <vector>

#include "cli/host_checks.h"

namespace memrig {

std::vector<HostCheck> check_libvirt(const std::string& uri);

}  // namespace memrig
