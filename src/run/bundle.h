// Packs a trial into one file, a bundle, for a colleague, and opens such files.
//
// A bundle is a tar archive, compressed with zstd, or with gzip if its name ends in .gz or .tgz. It holds:
//   bundle.json   the facts: the hashes of the kernel, of QEMU, of the agent, and of the files
//   trial/NAME    the trial's directory: its recipe, verdict and evidence
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace memrig {

// Packs the directory of a trial. Fails with Fault::user_input if `trial` is not a trial's directory, or if `out`
// exists already.
Status write_bundle(const std::filesystem::path& trial, const std::filesystem::path& out);

struct Bundle {
    TemporaryDirectory directory;       // holds trial.json and verdict.json
    std::vector<std::string> warnings;  // what differs from the host where it was packed: QEMU, the agent, memrig
};

// Opens a bundle. Nothing in the file is trusted. The sizes and the number of its entries are limited. Only plain
// files with the names above are accepted. Only the needed files are written, to a new directory. A recipe that names
// a file by its path (as kernel, emulator or bench) is refused, unless `kernel` or `emulator` replaces that path.
// Fails with Fault::user_input in all these cases.
Result<Bundle> open_bundle(const std::filesystem::path& file, const std::string& kernel, const std::string& emulator);

// Unpacks the evidence in a bundle for a reader: the recipe, the verdict, and those that are there of
// timeline.json, locks.json, console.log, qmp.jsonl and arming.json. The checks are those of open_bundle(), but the
// recipe may name files of another host, because nothing is played.
Result<TemporaryDirectory> unpack_evidence(const std::filesystem::path& file);

}  // namespace memrig
