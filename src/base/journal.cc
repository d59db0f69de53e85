#include "base/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/file.h"

namespace memrig {

Result<std::vector<std::string>> Journal::start(const std::string& identity, bool resume,
                                                const std::string& other_identity) {
    const std::string head = identity + "\n";
    std::string text;
    std::error_code code;
    if (resume && fs::exists(path_, code)) {
        MEMRIG_TRY(text, read_file(path_));
    }
    // The journal is new, or it was interrupted before its first line was complete: nothing was done.
    if (text.size() < head.size() && head.starts_with(text)) {
        MEMRIG_CHECK(make_directories(path_.parent_path()));
        MEMRIG_CHECK(write_file(path_, head));
        return std::vector<std::string>();
    }
    if (!text.starts_with(head))
        return fail_with({Fault::user_input, fmt::format("{} is of {}", path_.string(), other_identity), {}},
                         "resume with the options that the run began with, or start a new run with another --out");
    std::vector<std::string> lines;
    std::size_t at = head.size();
    for (std::size_t end = text.find('\n', at); end != std::string::npos; end = text.find('\n', at)) {
        lines.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    if (at < text.size()) fs::resize_file(path_, at, code);
    if (code) return fail(Fault::host, "cannot write {}: {}", path_.string(), code.message());
    return lines;
}

Status Journal::append(const std::string& line) {
    const std::string text = line + "\n";
    const Descriptor fd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!fd.valid()) return fail_errno(Fault::host, "write " + path_.string());
    if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) || ::fsync(fd.get()) != 0)
        return fail_errno(Fault::host, "write " + path_.string());
    return {};
}

}  // namespace memrig
