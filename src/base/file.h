// Files: read whole, written whole or not at all, locked between processes, temporary directories that remove themselves.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/descriptor.h"
#include "base/error.h"

namespace memrig {

namespace fs = std::filesystem;

// Reads a regular file of at most `limit` bytes. A larger one is an error, never a truncated value.
Result<std::string> read_file(const fs::path& path, std::uint64_t limit = 256ull << 20);

// Writes a new version beside the old one and renames it over: a reader sees the old or the new, never a part.
Status write_file(const fs::path& path, std::string_view text);

Status make_directories(const fs::path& path);

// Free bytes on the file system that holds `path`.
Result<std::uint64_t> free_space(const fs::path& path);

// An exclusive lock between processes and threads (flock on `path`, made if need be); held until destroyed.
class FileLock {
public:
    // Waits; Fault::interrupted where the user asks to stop meanwhile.
    static Result<FileLock> take(const fs::path& path);
    // Nothing where somebody else holds it.
    static Result<std::optional<FileLock>> try_take(const fs::path& path);
    // The same between processes alone (F_SETLK). A child does not share it, as it does the others until its exec: what a process that
    // was killed was about to start keeps nobody out. `path` must not be opened otherwise in this process.
    static Result<std::optional<FileLock>> try_take_for_process(const fs::path& path);

private:
    explicit FileLock(Descriptor fd) : fd_(std::move(fd)) {}
    Descriptor fd_;
};

// A directory of mode 0700 below TMPDIR (or `parent`), removed with all that is in it when destroyed.
class TemporaryDirectory {
public:
    static Result<TemporaryDirectory> make(const std::string& prefix, const fs::path& parent = {});
    TemporaryDirectory(TemporaryDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    TemporaryDirectory& operator=(TemporaryDirectory&& other) noexcept;
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory();

    [[nodiscard]] const fs::path& path() const { return path_; }
    // Leaves the directory to the caller, who has renamed it or wants it kept.
    fs::path release() { return std::exchange(path_, {}); }

private:
    explicit TemporaryDirectory(fs::path path) : path_(std::move(path)) {}
    fs::path path_;
};

}  // namespace memrig
