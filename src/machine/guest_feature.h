// Names what a scenario or an actor may need of a guest's kernel. The guest itself shows whether it has it: memrig asks
// once, when it has booted.
#pragma once

#include <string_view>
#include <vector>

namespace memrig {

struct GuestFeature {
    std::string_view key;     // in scenarios; it has a hyphen, as no kernel symbol has
    std::string_view name;    // for people
    std::string_view path;    // the kernel has the feature if this file or directory is there
    std::string_view option;  // of the kernel's configuration
    // If not empty: also, the text of `path` is not that of this file.
    std::string_view unlike = {};
};

// All that a guest is asked for, sorted by key.
const std::vector<GuestFeature>& guest_features();
// Null if there is none of that key.
const GuestFeature* find_guest_feature(std::string_view key);
// Returns whether the word is meant as a key.
inline bool names_guest_feature(std::string_view word) { return word.find('-') != std::string_view::npos; }

}  // namespace memrig
