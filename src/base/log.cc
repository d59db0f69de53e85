#include "base/log.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

#include <fmt/ranges.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include "base/assert.h"

namespace memrig {

namespace {

using Level = spdlog::level::level_enum;

constexpr std::array<std::string_view, 9> kLayers = {"qmp",     "guest", "probe", "machine", "watch",
                                                     "libvirt", "play",  "run",   "campaign"};
constexpr std::array<std::string_view, 7> kLevels = {"trace", "debug", "info", "warn", "error", "critical", "off"};

std::vector<std::shared_ptr<spdlog::logger>> make_loggers() {
    const auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>(
        std::getenv("NO_COLOR") == nullptr ? spdlog::color_mode::automatic : spdlog::color_mode::never);
    std::vector<std::shared_ptr<spdlog::logger>> loggers;
    for (const auto name : kLayers) {
        auto& made = loggers.emplace_back(std::make_shared<spdlog::logger>(std::string(name), sink));
        made->set_pattern("%H:%M:%S.%e %n %^%l%$ %v");
        made->set_level(spdlog::level::warn);
    }
    return loggers;
}

// Never destroyed: a thread may log while the program ends.
const std::vector<std::shared_ptr<spdlog::logger>>& loggers() {
    static const auto& all = *new std::vector<std::shared_ptr<spdlog::logger>>(make_loggers());
    return all;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

std::optional<Level> level_of(std::string_view text) {
    if (text == "warning") return spdlog::level::warn;
    if (text == "err") return spdlog::level::err;
    const auto found = std::ranges::find(kLevels, text);
    if (found == kLevels.end()) return std::nullopt;
    return static_cast<Level>(found - kLevels.begin());
}

}  // namespace

std::span<const std::string_view> log_layer_names() { return kLayers; }

spdlog::logger& logger(LogLayer layer) {
    const auto index = static_cast<std::size_t>(layer);
    MEMRIG_ASSERT(index < kLayers.size(), "each layer that logs has a name");
    return *loggers()[index];
}

Result<LogLevels> parse_log_levels(std::string_view text) {
    LogLevels levels;
    while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        const std::string_view item = trimmed(text.substr(0, comma));
        text.remove_prefix(std::min(comma + 1, text.size()));
        if (item.empty()) continue;
        const std::size_t equals = item.find('=');
        const std::string_view word = equals == std::string_view::npos ? item : trimmed(item.substr(equals + 1));
        const auto level = level_of(word);
        if (!level)
            return fail_with({Fault::user_input, fmt::format("MEMRIG_LOG: there is no level \"{}\"", word), {}},
                             fmt::format("the levels are {}", fmt::join(kLevels, ", ")));
        if (equals == std::string_view::npos) {
            levels.general = *level;
            continue;
        }
        const std::string_view name = trimmed(item.substr(0, equals));
        const auto layer = std::ranges::find(kLayers, name);
        if (layer == kLayers.end())
            return fail_with({Fault::user_input, fmt::format("MEMRIG_LOG: there is no layer \"{}\"", name), {}},
                             fmt::format("the layers are {}", fmt::join(kLayers, ", ")));
        levels.layers[static_cast<LogLayer>(layer - kLayers.begin())] = *level;
    }
    return levels;
}

Status set_up_logging() {
    const char* text = std::getenv("MEMRIG_LOG");
    if (text == nullptr) return {};
    MEMRIG_TRY(const LogLevels levels, parse_log_levels(text));
    for (const auto& one : loggers()) one->set_level(levels.general);
    for (const auto& [layer, level] : levels.layers) logger(layer).set_level(level);
    return {};
}

}  // namespace memrig
