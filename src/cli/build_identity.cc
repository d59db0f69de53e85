#include "cli/build_identity.h"

#include <memrig_source_hash.h>

namespace memrig {

std::string build_identity() { return MEMRIG_VERSION "+" MEMRIG_SOURCE_HASH; }

}  // namespace memrig
