// The option --json FILE, and its target: a file, a device, a pipe, or "-" for stdout.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/error.h"

namespace memrig {

// Adds --json FILE to a command that shows something: `json` gets FILE, or "-" where no FILE follows.
void add_json_option(CLI::App& command, std::string& json);
// Puts "=-" behind each --json that no FILE follows, in a command that shows something. `words` is the command line
// without the program. A directory that follows is no FILE, but what the command shows.
std::vector<std::string> with_json_targets(std::vector<std::string> words);
// Prints the text for people on stdout, or the JSON if the target is "-". Writes the JSON to any other target.
Status show(const std::string& json, const std::function<std::string()>& text,
            const std::function<std::string()>& json_text);

// Fails with Fault::user_input where nothing can be written. To be called before the work begins. An empty text is no
// target, and is good.
Status check_json_target(const std::string& json);
// Writes to a device, a pipe or stdout, and replaces a file.
Status write_json(const std::string& json, const std::string& text);

}  // namespace memrig
