// Checks option values. Each check returns "" for a good value, else an error message.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace memrig {

// The largest --jobs.
inline constexpr std::int64_t kMostJobs = 1024;

std::string not_decimal(const std::string& text);
std::string no_setting(const std::string& text);  // good: actor.key=value
std::string no_symbol(const std::string& text);   // good: kernel symbols, separated by commas

// runs/TIME-PID, TIME in UTC.
std::filesystem::path default_run_directory();
// Removes the directory, and its parent, if they are empty: they were made for a run that did not begin.
void remove_if_empty(const std::filesystem::path& directory);

}  // namespace memrig
