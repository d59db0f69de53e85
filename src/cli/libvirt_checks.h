// Checks what a libvirt can do for memrig, with a small domain whose vCPUs never run, for
// `memrig doctor --backend libvirt:URI`.
#pragma once

#include <string>
#include <vector>

#include "cli/host_checks.h"

namespace memrig {

std::vector<HostCheck> check_libvirt(const std::string& uri);

}  // namespace memrig
