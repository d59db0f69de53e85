#include "kernel/build_helpers.h"

#include <cstdlib>

#include "base/paths.h"

namespace memrig {

Status need_room(const fs::path& place, std::uint64_t bytes) {
    MEMRIG_TRY(const std::uint64_t room, free_space(place));
    if (room >= bytes) return {};
    return fail_with({Fault::host,
                      fmt::format("too little room in {}: {} MB are needed, {} MB are free", place.string(),
                                  bytes >> 20, room >> 20),
                      {}},
                     "make room, or set MEMRIG_CACHE to a directory elsewhere");
}

Result<FileLock> lock_tree(const fs::path& tree) {
    MEMRIG_CHECK(make_directories(tree.parent_path()));
    const fs::path lock = tree.string() + ".lock";
    MEMRIG_TRY(auto taken, FileLock::try_take(lock));
    if (taken) return *std::move(taken);
    fmt::print(stderr, "memrig: waiting for another build of this kernel\n");
    return FileLock::take(lock);
}

Unfinished::~Unfinished() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
}

Result<std::vector<ConfigText>> read_configs(const std::vector<fs::path>& paths) {
    std::vector<ConfigText> configs;
    for (const auto& path : paths) {
        auto text = read_file(path, 16u << 20);
        if (!text) return fail(Fault::user_input, "{}", text.error().message);
        configs.push_back({shown(path), *std::move(text)});
    }
    return configs;
}

Status remove_tree(const fs::path& path) {
    std::error_code code;
    fs::remove_all(path, code);
    if (code) return fail(Fault::host, "cannot remove {}: {}", path.string(), code.message());
    return {};
}

std::vector<std::string> ccache_environment(const fs::path& cache, const fs::path& base) {
    std::vector<std::string> environment;
    if (std::getenv("CCACHE_DIR") == nullptr) environment.push_back("CCACHE_DIR=" + (cache / "ccache").string());
    if (!base.empty()) environment.push_back("CCACHE_BASEDIR=" + base.string());
    return environment;
}

}  // namespace memrig
