// A journal: a file with one line for each piece of work that is done, so that an interrupted run can go on.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"

namespace memrig {

// The first line says whose journal it is. append() syncs each further line to disk. Not thread-safe.
class Journal {
public:
    explicit Journal(std::filesystem::path path) : path_(std::move(path)) {}

    // Begins a new journal; or, with `resume`, reads the one that is there, if any. Returns its lines without the first
    // one. Drops a last line that was cut off. Fault::user_input if the journal has another first line, with
    // `other_identity` as the reason. REQUIRES: `identity` and the lines have no line break.
    Result<std::vector<std::string>> start(const std::string& identity, bool resume, const std::string& other_identity);
    // REQUIRES: start().
    Status append(const std::string& line);

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

}  // namespace memrig
