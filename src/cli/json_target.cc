#include "cli/json_target.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/output.h"

namespace memrig {

namespace {

// The commands whose --json may stand alone, by their first words.
bool shows(const std::vector<std::string>& words) {
    for (const char* command : {"explain", "compare", "history", "doctor", "kernels", "benches", "emulators", "cache",
                                "scenarios", "bisect-step"})
        if (!words.empty() && words.front() == command) return true;
    return words.size() > 1 && words[0] == "campaign" && words[1] == "status";
}

}  // namespace

void add_json_option(CLI::App& command, std::string& json) {
    command.add_option("--json", json, "Write JSON to FILE; without FILE, or with -, print it on stdout instead")
        ->type_name("FILE");
}

std::vector<std::string> with_json_targets(std::vector<std::string> words) {
    if (!shows(words)) return words;
    for (std::size_t i = 0; i < words.size(); i++) {
        if (words[i] != "--json") continue;
        std::error_code code;
        const bool none = i + 1 == words.size() || (words[i + 1].starts_with('-') && words[i + 1] != "-") ||
                          fs::is_directory(words[i + 1], code);
        if (none) words[i] += "=-";
    }
    return words;
}

Status show(const std::string& json, const std::function<std::string()>& text,
            const std::function<std::string()>& json_text) {
    if (json == "-") return print_result(json_text());
    if (!json.empty()) MEMRIG_CHECK(write_json(json, json_text()));
    return print_result(text());
}

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
