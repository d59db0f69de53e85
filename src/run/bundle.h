// Bundles: a trial in one file, for a colleague. A tar archive (zstd, or gzip where the name ends in gz) of
//   bundle.json   what it is: the hashes of kernel, QEMU, agent, and of the files
//   trial/NAME    the trial's directory: its recipe, verdict and evidence
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace memrig {

// Fault::user_input where `trial` is no trial's directory, or `out` is there already.
Status write_bundle(const std::filesystem::path& trial, const std::filesystem::path& out);

struct Bundle {
    TemporaryDirectory directory;       // holds trial.json and verdict.json
    std::vector<std::string> warnings;  // what of this host is not as where it was packed: QEMU, the agent
};

// Nothing in the file is trusted: there are bounds for sizes and numbers, no names but the ones above are taken, nothing but plain files,
// and only what is needed is written, to a new directory. A recipe that names a file of this host (as kernel, emulator or bench) is
// refused unless another is given for it. Fault::user_input for all of that.
Result<Bundle> open_bundle(const std::filesystem::path& file, const std::string& kernel, const std::string& emulator);

}  // namespace memrig
