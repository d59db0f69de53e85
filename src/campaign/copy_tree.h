// Takes evidence from one directory to another without using room twice.
#pragma once

#include <filesystem>

#include "base/error.h"

namespace memrig {

// Makes `to` a hard link of the file `from`, or a copy where that is not possible: on another file system, or for the
// file of another owner. Fault::host.
Status link_or_copy(const std::filesystem::path& from, const std::filesystem::path& to);
// The same for a whole directory. Symbolic links are copied as such. Fault::host, or Fault::interrupted.
Status copy_tree(const std::filesystem::path& from, const std::filesystem::path& to);
// Gives everybody the right to read the directory, which was made for its owner alone.
void let_all_read(const std::filesystem::path& directory);

}  // namespace memrig
