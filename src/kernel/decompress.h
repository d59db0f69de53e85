// Decompresses whole files in memory: gzip, xz, lzma, bzip2, lz4 and zstd, as libarchive tells them apart.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"

namespace memrig {

// Returns the bytes, decompressed; bytes that are not compressed come back as they are. Fault::host if they are
// damaged, or more than `most` when decompressed. `what` names them in the error: "the module /lib/a.ko.xz".
Result<std::string> decompressed(std::string_view bytes, std::size_t most, const std::string& what);

}  // namespace memrig
