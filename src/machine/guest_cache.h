// The saved guests in the cache, each in the folder guests/KEY: which are in use, and which may go.
//
// A process that may restore a guest shares the lock guests/KEY.use. Only a guest whose lock nobody has is removed. So
// a cache can be pruned while others use it.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"

namespace memrig {

struct SavedGuest {
    std::string key;
    std::uint64_t bytes = 0;
    std::filesystem::file_time_type used;  // when it was last asked for
    bool in_use = false;
};

// The folder of all guests.
std::filesystem::path guests_in(const std::filesystem::path& cache);

// Returns the guests, those that were not used for the longest time first. None if there is no such folder.
Result<std::vector<SavedGuest>> saved_guests(const std::filesystem::path& cache);

// Keeps the guest in the cache until the lock is gone, and notes that it is used now. No lock if the cache is read-only
// and has none: nobody prunes it then. REQUIRES: the caller has the lock guests/KEY.lock.
Result<std::optional<FileLock>> keep_guest(const std::filesystem::path& cache, const std::string& key);

struct GuestLimits {
    std::chrono::seconds unused = std::chrono::days(30);  // a guest that nobody asked for in this time goes
    std::uint64_t bytes = 20ULL << 30;  // if all guests together are larger, those that were unused longest go
};
struct PrunedGuests {
    std::size_t guests = 0;
    std::uint64_t bytes = 0;
};
// Removes guests beyond the limits, and what interrupted boots have left. Leaves those in use, and those that this user
// may not remove.
Result<PrunedGuests> prune_guests(const std::filesystem::path& cache, const GuestLimits& limits);

// Returns the size of all files below the path; 0 if there is none.
std::uint64_t bytes_below(const std::filesystem::path& path);

}  // namespace memrig
