#include "base/file.h"

#include <cerrno>
#include <cstdlib>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/stop_request.h"

namespace memrig {

Result<std::string> read_file(const fs::path& path, std::uint64_t limit) {
    Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return fail_errno(Fault::host, "open " + path.string());
    struct stat st{};
    if (::fstat(fd.get(), &st) != 0) return fail_errno(Fault::host, "stat " + path.string());
    if (S_ISDIR(st.st_mode)) return fail(Fault::host, "{} is a directory, not a file", path.string());
    std::string text;
    std::vector<char> buffer(1 << 16);
    for (;;) {
        MEMRIG_TRY(const std::size_t n, read_some(fd.get(), buffer));
        if (n == 0) return text;
        text.append(buffer.data(), n);
        if (text.size() > limit) return fail(Fault::host, "{} is larger than {} bytes", path.string(), limit);
    }
}

Status write_file(const fs::path& path, std::string_view text) {
    const fs::path directory = path.has_parent_path() ? path.parent_path() : fs::path(".");
    std::string name = (directory / ("." + path.filename().string() + ".XXXXXX")).string();
    Descriptor fd(::mkostemp(name.data(), O_CLOEXEC));
    if (!fd.valid()) return fail_errno(Fault::host, "write " + path.string());
    const auto give_up = [&](const char* what) {
        auto error = fail_errno(Fault::host, fmt::format("{} {}", what, path.string()));
        ::unlink(name.c_str());
        return error;
    };
    while (!text.empty()) {
        const ssize_t n = ::write(fd.get(), text.data(), text.size());
        if (n < 0 && errno != EINTR) return give_up("write");
        if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
    }
    if (::fchmod(fd.get(), 0644) != 0 || ::fsync(fd.get()) != 0) return give_up("write");
    if (::rename(name.c_str(), path.c_str()) != 0) return give_up("rename to");
    return {};
}

Status make_directories(const fs::path& path) {
    std::error_code code;
    fs::create_directories(path, code);
    if (code) return fail(Fault::host, "cannot make the directory {}: {}", path.string(), code.message());
    return {};
}

Result<std::uint64_t> free_space(const fs::path& path) {
    std::error_code code;
    const auto info = fs::space(path, code);
    if (code) return fail(Fault::host, "cannot see the free space of {}: {}", path.string(), code.message());
    return info.available;
}

namespace {

struct OpenLock {
    Descriptor fd;
    int kind = LOCK_EX;
};

// A cache may be shared read-only. Its readers keep each other out as little as they can harm it.
Result<OpenLock> open_lock(const fs::path& path) {
    OpenLock lock{Descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644))};
    const int why = errno;
    if (lock.fd.valid()) return lock;
    if (why == EROFS || why == EACCES) {
        lock = {Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), LOCK_SH};
        if (lock.fd.valid()) return lock;
    }
    errno = why;
    return fail_errno(Fault::host, "open " + path.string());
}

}  // namespace

Result<FileLock> FileLock::wait_for(const fs::path& path, bool shared) {
    MEMRIG_TRY(auto lock, open_lock(path));
    auto& [fd, kind] = lock;
    while (::flock(fd.get(), shared ? LOCK_SH : kind) != 0) {
        if (errno != EINTR) return fail_errno(Fault::host, "lock " + path.string());
        if (stop_request().requested()) return std::unexpected(stop_request().error());
    }
    return FileLock(std::move(fd));
}

Result<FileLock> FileLock::take(const fs::path& path) { return wait_for(path, false); }

Result<FileLock> FileLock::take_shared(const fs::path& path) { return wait_for(path, true); }

Result<std::optional<FileLock>> FileLock::try_take(const fs::path& path) {
    MEMRIG_TRY(auto lock, open_lock(path));
    auto& [fd, kind] = lock;
    if (::flock(fd.get(), kind | LOCK_NB) == 0) return FileLock(std::move(fd));
    if (errno == EWOULDBLOCK) return std::nullopt;
    return fail_errno(Fault::host, "lock " + path.string());
}

Result<std::optional<FileLock>> FileLock::try_take_for_process(const fs::path& path) {
    Descriptor fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (!fd.valid()) return fail_errno(Fault::host, "open " + path.string());
    struct flock whole = {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    if (::fcntl(fd.get(), F_SETLK, &whole) == 0) return FileLock(std::move(fd));
    if (errno == EACCES || errno == EAGAIN) return std::nullopt;
    return fail_errno(Fault::host, "lock " + path.string());
}

Result<TemporaryDirectory> TemporaryDirectory::make(const std::string& prefix, const fs::path& parent) {
    std::error_code code;
    const fs::path base = parent.empty() ? fs::temp_directory_path(code) : parent;
    if (code) return fail(Fault::host, "no directory for temporary files: {}", code.message());
    std::string name = (base / (prefix + ".XXXXXX")).string();
    if (::mkdtemp(name.data()) == nullptr) return fail_errno(Fault::host, "make a directory in " + base.string());
    return TemporaryDirectory(name);
}

TemporaryDirectory& TemporaryDirectory::operator=(TemporaryDirectory&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
}

}  // namespace memrig
