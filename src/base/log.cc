#include "base/log.h"

#include <cstdlib>
#include <mutex>

#include <spdlog/cfg/helpers.h>
#include <spdlog/sinks/stdout_color_sinks.h>

namespace memrig {

std::shared_ptr<spdlog::logger> logger(const std::string& layer) {
    static std::mutex mutex;
    const std::lock_guard guard(mutex);
    if (auto known = spdlog::get(layer)) return known;
    return spdlog::stderr_color_mt(
        layer, std::getenv("NO_COLOR") == nullptr ? spdlog::color_mode::automatic : spdlog::color_mode::never);
}

void set_up_logging() {
    spdlog::set_pattern("%H:%M:%S.%e %n %^%l%$ %v");
    spdlog::set_level(spdlog::level::warn);
    if (const char* levels = std::getenv("MEMRIG_LOG")) spdlog::cfg::helpers::load_levels(levels);
}

}  // namespace memrig
