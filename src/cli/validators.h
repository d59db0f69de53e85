// What option values are checked by, before anything is done: each returns "" for a good one, else what is wrong with it.
#pragma once

#include <filesystem>
#include <string>

namespace memrig {

std::string not_decimal(const std::string& text);
std::string no_setting(const std::string& text);  // actor.key=value
std::string no_symbol(const std::string& text);   // kernel symbols, with commas between them

// runs/TIME-PID, TIME in UTC.
std::filesystem::path default_run_directory();
// Removes what was made for a run that never was.
void remove_if_empty(const std::filesystem::path& directory);

}  // namespace memrig
