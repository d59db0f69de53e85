// Source mutants: semantic patches (Coccinelle) that undo one part of the kernel's locking, guest-images/mutants/*.cocci.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace memrig {

struct SourceMutant {
    std::string name;                  // of the file, without .cocci
    std::string description;           // the header's first line
    std::vector<std::string> files;    // below the kernel's source
    std::vector<std::string> parents;  // ids of the kernels it is meant for; empty: every built amd64 kernel: is_for()
    std::string equivalent;            // why no run can tell it from its parent; mostly empty
    unsigned removed = 0, added = 0;   // lines: what its application must change, over all files
    fs::path path;
    std::string text;

    [[nodiscard]] bool is_for(const std::string& kernel, const std::string& arch) const;
};

// The header: comment lines at the top of the file, the first one the description, among them
//   // file: PATH          (at least one)
//   // parent: ID          (any number)
//   // changes: -N +M      (lines)
//   // equivalent: REASON  (at most one)
// Fault::user_input, with file and line, for anything else of the form "// word: ", and for what is missing.
Result<SourceMutant> parse_mutant(std::string_view text, const fs::path& path);

// All of guest-images/mutants, by name.
Result<std::vector<SourceMutant>> source_mutants();

// The names of the semantic patch's rules, as "@name@" opens them.
std::vector<std::string> rule_names(std::string_view text);

struct LineCount {
    unsigned removed = 0, added = 0;
};
// Of a unified diff; empty lines do not count, for spatch takes some away to keep the text tidy.
LineCount count_changes(std::string_view diff);

}  // namespace memrig
