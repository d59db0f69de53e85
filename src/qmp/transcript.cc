#include "qmp/transcript.h"

#include "base/log.h"
#include "base/text.h"

namespace memrig {

namespace {

// Counts the line's own size too, so that many short lines do not go unnoticed.
std::size_t weight(const QmpLine& line) { return line.text.size() + sizeof line; }

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kSpace = " \t\r\n";
    const auto first = text.find_first_not_of(kSpace);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

}  // namespace

void Transcript::add(bool sent, std::string_view text) {
    QmpLine line{std::chrono::steady_clock::now(), sent, std::string(trimmed(text))};
    if (auto& log = logger(LogLayer::qmp); log.should_log(spdlog::level::debug))
        log.debug("{} {}", sent ? "->" : "<-", one_line(line.text));
    const std::lock_guard guard(mutex_);
    size_ += weight(line);
    lines_.push_back(std::move(line));
    while (size_ > capacity_ && lines_.size() > 1) {
        size_ -= weight(lines_.front());
        lines_.pop_front();
        dropped_++;
    }
}

std::vector<QmpLine> Transcript::lines() {
    const std::lock_guard guard(mutex_);
    std::vector<QmpLine> lines;
    lines.reserve(lines_.size() + 1);
    if (dropped_ > 0) lines.push_back({lines_.front().at, false, nlohmann::json{{"dropped-lines", dropped_}}.dump()});
    lines.insert(lines.end(), lines_.begin(), lines_.end());
    return lines;
}

}  // namespace memrig
