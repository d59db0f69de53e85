// Checks option values. Each check returns "" for a good value, else an error message.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace memrig {

// The largest --jobs.
inline constexpr std::int64_t kMostJobs = 1024;

std::string not_decimal(const std::string& text);
std::string no_setting(const std::string& text);  // good: actor.key=value
std::string no_symbol(const std::string& text);   // good: kernel symbols, separated by commas
std::string not_a_span(const std::string& text);  // good: what parse_span() reads
std::string not_a_size(const std::string& text);  // good: what parse_size() reads

// Reads "90s", "30m", "6h" or "30d", at most a year and a day.
std::optional<std::chrono::seconds> parse_span(const std::string& text);

// runs/TIME-PID, TIME in UTC.
std::filesystem::path default_run_directory();
// Removes the directory, and its parent, if they are empty: they were made for a run that did not begin.
void remove_if_empty(const std::filesystem::path& directory);

}  // namespace memrig
