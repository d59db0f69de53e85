#include "machine/console_log.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/stop_request.h"

namespace memrig {

namespace {
using namespace std::chrono_literals;
constexpr std::size_t kMostBytes = 16u << 20;
constexpr auto kStopGlance = 50ms;
}  // namespace

struct ConsoleLog::Shared {
    mutable std::mutex mutex;
    mutable std::condition_variable changed;
    std::string text;
    std::vector<std::pair<std::size_t, SteadyTime>> starts;  // where each line begins, and when it came
    bool ended = false;
    bool cut = false;  // more came than is kept
    Descriptor socket;
    Descriptor quit;
    std::thread drainer;

    void add(std::string_view bytes) {
        const auto now = steady_clock().now();
        const std::lock_guard guard(mutex);
        if (cut) return;
        cut = bytes.size() > kMostBytes - text.size();
        bytes = bytes.substr(0, kMostBytes - text.size());
        for (const char c : bytes) {
            if (text.empty() || text.back() == '\n') starts.emplace_back(text.size(), now);
            text += c;
        }
        if (cut) text += "\n[memrig: the console is cut off here]\n";
        changed.notify_all();
    }

    void drain() {
        std::array<char, 65536> buffer{};
        for (;;) {
            pollfd fds[] = {{socket.get(), POLLIN, 0}, {quit.get(), POLLIN, 0}};
            if (::poll(fds, 2, -1) < 0) continue;
            if (fds[1].revents != 0) break;
            const auto n = read_some(socket.get(), buffer);
            if (!n || *n == 0) break;
            add({buffer.data(), *n});
        }
        const std::lock_guard guard(mutex);
        ended = true;
        changed.notify_all();
    }
};

ConsoleLog::ConsoleLog(Descriptor socket) : shared_(std::make_shared<Shared>()) {
    shared_->socket = std::move(socket);
    shared_->quit = Descriptor(::eventfd(0, EFD_CLOEXEC));
    shared_->drainer = std::thread([shared = shared_.get()] { shared->drain(); });
}

ConsoleLog::~ConsoleLog() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(shared_->quit.get(), &one, sizeof one);
    shared_->drainer.join();
}

std::vector<ConsoleLine> ConsoleLog::lines() const {
    const std::lock_guard guard(shared_->mutex);
    std::vector<ConsoleLine> lines;
    const auto& starts = shared_->starts;
    for (std::size_t i = 0; i < starts.size(); i++) {
        const std::size_t end = i + 1 < starts.size() ? starts[i + 1].first : shared_->text.size();
        std::string line = shared_->text.substr(starts[i].first, end - starts[i].first);
        while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
        lines.push_back({starts[i].second, std::move(line)});
    }
    return lines;
}

std::string ConsoleLog::text() const {
    const std::lock_guard guard(shared_->mutex);
    return shared_->text;
}

std::size_t ConsoleLog::size() const {
    const std::lock_guard guard(shared_->mutex);
    return shared_->text.size();
}

std::string ConsoleLog::lack() const {
    const std::lock_guard guard(shared_->mutex);
    if (!shared_->cut) return {};
    return fmt::format("the console is cut off behind its first {} MiB", kMostBytes >> 20);
}

std::string ConsoleLog::tail(std::size_t count) const {
    std::string text;
    const auto all = lines();
    for (std::size_t i = all.size() > count ? all.size() - count : 0; i < all.size(); i++)
        text += "  | " + all[i].text + "\n";
    return text;
}

Result<bool> ConsoleLog::wait_for(const std::string& needle, std::size_t from, Deadline deadline) const {
    std::unique_lock lock(shared_->mutex);
    for (;;) {
        if (shared_->text.find(needle, std::min(from, shared_->text.size())) != std::string::npos) return true;
        if (stop_request().requested()) return std::unexpected(stop_request().error());
        if (shared_->ended || deadline.expired()) return false;
        shared_->changed.wait_until(lock, Deadline::after(kStopGlance).earlier(deadline).at());
    }
}

}  // namespace memrig
