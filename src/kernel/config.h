// Kernel configurations put together from fragments, and the check that a kernel has what they ask for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace memrig {

// One line of a fragment: CONFIG_NAME=value, or "n" for "# CONFIG_NAME is not set".
struct ConfigOption {
    std::string name;  // with CONFIG_
    std::string value;
    std::string where;  // "amd64.config:12"
};

// Fault::user_input for a line that is neither an option nor a comment. `shown_name` is what `where` calls the fragment.
Result<std::vector<ConfigOption>> parse_config(std::string_view text, const std::string& shown_name);

// A configuration as kconfig writes it, with the answer to every question: it is taken as it is, not as a fragment.
bool is_whole_config(std::string_view text);

// Fails with Fault::user_input, naming every option that `config` (a kernel's .config) does not have as asked: those that
// the kernel in `source` does not know, and those whose dependencies are not met.
Status check_config(const std::vector<ConfigOption>& asked, std::string_view config, const fs::path& source);

}  // namespace memrig
