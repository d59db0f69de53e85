#include "cli/json_target.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/output.h"

namespace memrig {

Status check_json_target(const std::string& json) {
    if (json.empty() || json == "-") return {};
    const fs::path path = json;
    const fs::path directory = path.has_parent_path() ? path.parent_path() : ".";
    std::error_code code;
    if (fs::is_directory(path, code)) return fail(Fault::user_input, "cannot write {}: it is a directory", json);
    if (::access((fs::exists(path, code) ? path : directory).c_str(), W_OK) != 0)
        return fail_errno(Fault::user_input, "write " + json);
    return {};
}

Status write_json(const std::string& json, const std::string& text) {
    std::error_code code;
    if (json == "-") return print_result(text);
    if (!fs::exists(json, code) || fs::is_regular_file(fs::symlink_status(json, code))) return write_file(json, text);
    const Descriptor fd(::open(json.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
    if (!fd.valid()) return fail_errno(Fault::host, "write " + json);
    for (std::string_view rest = text; !rest.empty();) {
        const ssize_t n = ::write(fd.get(), rest.data(), rest.size());
        if (n < 0 && errno != EINTR) return fail_errno(Fault::host, "write " + json);
        if (n > 0) rest.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
}

}  // namespace memrig
