#include "machine/guest_cache.h"

#include <unistd.h>

#include <algorithm>

namespace memrig {

namespace {

fs::path use_of(const fs::path& cache, const std::string& key) { return guests_in(cache) / (key + ".use"); }

// The names of the folders; those of boots that did not end begin with a dot.
std::vector<std::string> folders_in(const fs::path& directory) {
    std::vector<std::string> names;
    std::error_code code;
    for (const auto& entry : fs::directory_iterator(directory, code))
        if (entry.is_directory(code)) names.push_back(entry.path().filename().string());
    return names;
}

// A guest that an older memrig made has no lock of its own.
fs::file_time_type last_use(const fs::path& cache, const std::string& key) {
    std::error_code code;
    const auto used = fs::last_write_time(use_of(cache, key), code);
    return code ? fs::last_write_time(guests_in(cache) / key, code) : used;
}

bool is_writable(const fs::path& path) { return ::access(path.c_str(), W_OK) == 0; }

// Returns whether nobody uses the guest. A lock that this user can only share tells nothing.
Result<bool> is_free(const fs::path& lock) {
    std::error_code code;
    if (!fs::exists(lock, code)) return true;
    if (!is_writable(lock)) return false;
    MEMRIG_TRY(const auto taken, FileLock::try_take(lock));
    return taken.has_value();
}

// Returns whether the guest is gone. Nobody begins to use it meanwhile: that needs the first lock.
Result<bool> remove_unused(const fs::path& cache, const std::string& key) {
    MEMRIG_TRY(const auto making, FileLock::try_take(guests_in(cache) / (key + ".lock")));
    if (!making) return false;
    MEMRIG_TRY(const auto using_it, FileLock::try_take(use_of(cache, key)));
    if (!using_it) return false;
    std::error_code code;
    fs::remove_all(guests_in(cache) / key, code);
    // The locks stay: somebody may be waiting for one of them.
    return !code;
}

// ".KEY.XXXXXX" of a boot that was killed. One that goes on has the lock of its key.
Status remove_remains(const fs::path& cache) {
    constexpr std::size_t key_length = 32;
    for (const auto& name : folders_in(guests_in(cache))) {
        if (!name.starts_with('.') || name.size() < 1 + key_length) continue;
        MEMRIG_TRY(const auto making, FileLock::try_take(guests_in(cache) / (name.substr(1, key_length) + ".lock")));
        std::error_code code;
        if (making) fs::remove_all(guests_in(cache) / name, code);
    }
    return {};
}

}  // namespace

fs::path guests_in(const fs::path& cache) { return cache / "guests"; }

std::uint64_t bytes_below(const fs::path& path) {
    std::uint64_t bytes = 0;
    std::error_code code;
    const auto skip = fs::directory_options::skip_permission_denied;
    for (auto at = fs::recursive_directory_iterator(path, skip, code); !code && at != fs::end(at); at.increment(code)) {
        std::error_code gone;
        const auto size = at->is_symlink(gone) || !at->is_regular_file(gone) ? 0 : at->file_size(gone);
        if (!gone) bytes += size;
    }
    return bytes;
}

Result<std::vector<SavedGuest>> saved_guests(const fs::path& cache) {
    std::vector<SavedGuest> guests;
    for (const auto& key : folders_in(guests_in(cache))) {
        if (key.starts_with('.')) continue;
        const auto used = last_use(cache, key);
        MEMRIG_TRY(const bool free, is_free(use_of(cache, key)));
        guests.push_back({key, bytes_below(guests_in(cache) / key), used, !free});
    }
    std::ranges::sort(guests, {}, &SavedGuest::used);
    return guests;
}

Result<std::optional<FileLock>> keep_guest(const fs::path& cache, const std::string& key) {
    const fs::path file = use_of(cache, key);
    std::error_code code;
    if (!fs::exists(file, code) && !is_writable(guests_in(cache))) return std::nullopt;
    MEMRIG_TRY(FileLock lock, FileLock::take_shared(file));
    fs::last_write_time(file, fs::file_time_type::clock::now(), code);
    return lock;
}

Result<PrunedGuests> prune_guests(const fs::path& cache, const GuestLimits& limits) {
    PrunedGuests pruned;
    if (!is_writable(guests_in(cache))) return pruned;
    MEMRIG_TRY(const auto guests, saved_guests(cache));
    std::uint64_t left = 0;
    for (const auto& guest : guests) left += guest.bytes;
    const auto oldest = fs::file_time_type::clock::now() - limits.unused;
    for (const auto& guest : guests) {
        if (guest.in_use || (guest.used >= oldest && left <= limits.bytes)) continue;
        MEMRIG_TRY(const bool gone, remove_unused(cache, guest.key));
        if (!gone) continue;
        left -= guest.bytes;
        pruned.guests++;
        pruned.bytes += guest.bytes;
    }
    MEMRIG_CHECK(remove_remains(cache));
    return pruned;
}

}  // namespace memrig
