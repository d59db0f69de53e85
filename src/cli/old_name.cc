#include "cli/old_name.h"

#include <cstdio>
#include <set>

#include <fmt/format.h>

namespace memrig {

void note_old_name(const std::string& old, const std::string& now) {
    static std::set<std::string> noted;  // the command line is read by one thread
    if (noted.insert(old).second) fmt::print(stderr, "memrig: note: {} is the old name of {}\n", old, now);
}

}  // namespace memrig
