// Checks what can be judged on a kernel: boots it, arms its guest, and looks at each rule and role.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/host_checks.h"
#include "machine/machine.h"

namespace memrig {

struct KernelChecks {
    std::string release, bench;
    // ok: it is judged. note: this kernel does not have it. missing: the rig does not see it on this kernel, so that it
    // is not judged.
    std::vector<HostCheck> checks;
};

// `kernel` and `modules` as for `memrig run`; `bench`: "" for the first one of the kernel's architecture. `progress` is
// called before each thing that takes time. Fault::user_input for a kernel or a bench that does not exist.
Result<KernelChecks> check_kernel(const std::string& kernel, const std::filesystem::path& modules,
                                  const std::string& bench, Host& host,
                                  const std::function<void(const std::string&)>& progress);

}  // namespace memrig
