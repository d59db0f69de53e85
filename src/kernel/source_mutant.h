// Reads source mutants, guest-images/mutants/*.cocci: semantic patches (Coccinelle) that each break one rule of the
// kernel's memory hotplug.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace memrig {

struct LineCount {
    unsigned removed = 0, added = 0;
    bool operator==(const LineCount&) const = default;
};

struct SourceMutant {
    std::string name;                             // the file's name without .cocci
    std::string description;                      // the header's first line
    std::vector<std::string> files;               // the files that it patches, relative to the kernel's source
    std::vector<std::string> parents;             // ids of the kernels that it is for; see is_for()
    std::string equivalent;                       // why no run can tell it from its parent; usually empty
    LineCount changes;                            // the lines that it must change, in all files together
    std::map<std::string, LineCount> changes_of;  // the same of a parent whose source is another, by its id
    fs::path path;
    std::string text;

    // True if the mutant is for this kernel: one of `parents`, or any x86_64 kernel if `parents` is empty.
    [[nodiscard]] bool is_for(const std::string& kernel, const std::string& arch) const;
    // The mutant as it is for that parent.
    [[nodiscard]] SourceMutant of(const std::string& parent) const;
};

// Parses the header, which is the comment lines at the top of the file. The first line is the description. Others are
// text, or one of
//   // file: PATH          (at least one)
//   // parent: ID          (any number)
//   // parent: ID -N +M    (the same, with another number of lines)
//   // changes: -N +M      (lines)
//   // equivalent: REASON  (at most one)
// Fails with Fault::user_input, naming file and line, for any other line of the form "// word: ", and if a required
// line is missing.
Result<SourceMutant> parse_mutant(std::string_view text, const fs::path& path);

// All mutants of guest-images/mutants, sorted by name.
Result<std::vector<SourceMutant>> source_mutants();

// The names of the semantic patch's rules, from the lines "@name@".
std::vector<std::string> rule_names(std::string_view text);

// Counts the changed lines of a unified diff, but not empty lines: spatch removes some of those to tidy the text.
LineCount count_changes(std::string_view diff);

}  // namespace memrig
