// Reads the fragments of a kernel configuration, and tells which options a kernel has.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "kernel/image.h"

namespace memrig {

// One line of a fragment, CONFIG_NAME=value. The value of "# CONFIG_NAME is not set" is "n".
struct ConfigOption {
    std::string name;  // including CONFIG_
    std::string value;
    std::string where;  // "amd64.config:12"
};

// Fails with Fault::user_input at a line that is neither an option nor a comment. `shown_name`: the fragment's name in
// `where`.
Result<std::vector<ConfigOption>> parse_config(std::string_view text, const std::string& shown_name);

// Whether `text` is a complete .config as kconfig writes it, which is used as it is, and not a fragment.
bool is_whole_config(std::string_view text);

// Checks that `config` (a kernel's .config) has all options as asked. Fails with Fault::user_input and names the
// others: options that the kernel in `source` does not know, or options whose dependencies are not met.
Status check_config(const std::vector<ConfigOption>& asked, std::string_view config, const fs::path& source);

// Tells whether the kernel was built with the option (CONFIG_NAME), by the configuration that lies where distributions
// and builds leave it: config-RELEASE beside the image, `config` beside the modules, and in memrig's cache or the tree
// that the image was built in, where a file beside it names the release. Nothing if there is none, or if it cannot be
// read.
std::optional<bool> has_option(const KernelImage& kernel, std::string_view name);

}  // namespace memrig
