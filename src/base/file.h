// Reads and replaces whole files, locks files between processes, makes temporary directories that remove themselves.
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

// Reads a file of at most `limit` bytes. A larger file is an error; the text is never truncated.
Result<std::string> read_file(const fs::path& path, std::uint64_t limit = 256ull << 20);

// Replaces a file by a new version (rename(2)): a reader sees the old text or the new one, never a part.
Status write_file(const fs::path& path, std::string_view text);

Status make_directories(const fs::path& path);

// Free bytes on the file system that holds `path`.
Result<std::uint64_t> free_space(const fs::path& path);

// Excludes others by flock(2) on `path`, created if needed, until destroyed. Only shared if `path` is read-only.
class FileLock {
public:
    // Waits for the lock. Fails with Fault::interrupted if the user asks to stop.
    static Result<FileLock> take(const fs::path& path);
    // Waits as long as somebody holds the lock exclusively. Others may share it, too.
    static Result<FileLock> take_shared(const fs::path& path);
    // Returns nothing if somebody else holds the lock.
    static Result<std::optional<FileLock>> try_take(const fs::path& path);
    // The same, but between processes only (F_SETLK). A forked child shares the locks above until its exec, but not
    // this one: if this process is killed, a child that it was about to start does not keep others out.
    // This process must not open `path` in any other way.
    static Result<std::optional<FileLock>> try_take_for_process(const fs::path& path);

private:
    explicit FileLock(Descriptor fd) : fd_(std::move(fd)) {}
    static Result<FileLock> wait_for(const fs::path& path, bool shared);
    Descriptor fd_;
};

// A directory of mode 0700 below TMPDIR (or `parent`). The destructor removes it with all its contents.
class TemporaryDirectory {
public:
    static Result<TemporaryDirectory> make(const std::string& prefix, const fs::path& parent = {});
    TemporaryDirectory(TemporaryDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    TemporaryDirectory& operator=(TemporaryDirectory&& other) noexcept;
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory();

    [[nodiscard]] const fs::path& path() const { return path_; }
    // Leaves the directory to the caller, who has renamed it or wants to keep it.
    fs::path release() { return std::exchange(path_, {}); }

private:
    explicit TemporaryDirectory(fs::path path) : path_(std::move(path)) {}
    fs::path path_;
};

}  // namespace memrig
