#include "campaign/copy_tree.h"

#include "base/file.h"
#include "base/stop_request.h"

namespace memrig {

namespace {

Status copy_failed(const fs::path& from, const std::error_code& code) {
    return fail(Fault::host, "cannot copy {}: {}", from.string(), code.message());
}

}  // namespace

Status link_or_copy(const fs::path& from, const fs::path& to) {
    std::error_code code;
    fs::create_hard_link(from, to, code);
    if (!code) return {};
    code.clear();
    fs::copy_file(from, to, code);
    return code ? copy_failed(from, code) : Status();
}

Status copy_tree(const fs::path& from, const fs::path& to) {
    if (stop_request().requested()) return std::unexpected(stop_request().error());
    std::error_code code;
    MEMRIG_CHECK(make_directories(to));
    for (fs::directory_iterator at(from, code), end; !code && at != end; at.increment(code)) {
        const fs::path target = to / at->path().filename();
        if (at->is_symlink()) fs::copy_symlink(at->path(), target, code);
        else if (at->is_directory()) MEMRIG_CHECK(copy_tree(at->path(), target));
        else if (at->is_regular_file()) MEMRIG_CHECK(link_or_copy(at->path(), target));
        if (code) break;
    }
    return code ? copy_failed(from, code) : Status();
}

void let_all_read(const fs::path& directory) {
    std::error_code ignored;
    fs::permissions(directory,
                    fs::perms::group_read | fs::perms::group_exec | fs::perms::others_read | fs::perms::others_exec,
                    fs::perm_options::add, ignored);
}

}  // namespace memrig
