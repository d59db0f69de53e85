// Finds the module files that a kernel needs, in the order of loading. kmod decides both.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace memrig {

struct ModuleFile {
    std::string name;            // "virtio_mem"
    std::filesystem::path path;  // .ko, .ko.xz, .ko.zst or .ko.gz
};

// The files of the wanted modules and of all their dependencies, dependencies first, each file once. A module that is
// built into the kernel needs no file. A module that the kernel does not have is an error that names it
// (Fault::guest). `folder` is lib/modules/RELEASE. It is not written to, so kmod's index is kept in `cache`. Links to
// folders are followed, except `build` and `source`, which lead to the kernel's source.
Result<std::vector<ModuleFile>> modules_in_order(const std::filesystem::path& folder, const std::string& release,
                                                 const std::vector<std::string>& wanted,
                                                 const std::filesystem::path& cache, Deadline deadline);

// The module's bytes, decompressed if needed.
Result<std::string> read_module(const ModuleFile& module);

}  // namespace memrig
