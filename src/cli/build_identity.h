// Names the build of memrig that runs.
#pragma once

#include <string>

namespace memrig {

// Returns the version and a hash of the sources, such as "0.2.0+1a2b3c4d5e6f". Two builds with the same text play and
// judge a trial alike.
std::string build_identity();

}  // namespace memrig
