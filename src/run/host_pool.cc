#include "run/host_pool.h"

namespace memrig {

HostPool::HostPool(std::vector<std::string> names, std::function<Status(std::size_t)> answers)
    : names_(std::move(names)), answers_(std::move(answers)), standing_(names_.size()) {
    MEMRIG_ASSERT(answers_, "the pool can ask whether a host is there");
}

Result<std::size_t> HostPool::take() {
    const std::lock_guard guard(mutex_);
    std::optional<std::size_t> best;
    for (std::size_t host = 0; host < standing_.size(); host++)
        if (standing_[host].lost.empty() && (!best || standing_[host].playing < standing_[*best].playing)) best = host;
    if (best) {
        standing_[*best].playing++;
        return *best;
    }
    std::string reasons;
    for (std::size_t host = 0; host < standing_.size(); host++)
        reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", names_[host], standing_[host].lost);
    return fail(Fault::rig, "no host is left: {}", reasons);
}

void HostPool::give_back(std::size_t host) {
    check(host);
    const std::lock_guard guard(mutex_);
    MEMRIG_ASSERT(standing_[host].playing > 0, "a trial is played on the host");
    standing_[host].playing--;
}

std::optional<HostPool::Loss> HostPool::look_after(std::size_t host) {
    if (std::string why = lost(host); !why.empty()) return Loss{name(host), std::move(why), false};
    const Status there = answers_(host);
    if (there || there.error().fault == Fault::interrupted) return std::nullopt;
    const std::lock_guard guard(mutex_);
    std::string& known = standing_[host].lost;
    const bool is_news = known.empty();
    if (is_news) known = there.error().message.empty() ? "it does not answer" : there.error().message;
    return Loss{name(host), known, is_news};
}

std::string HostPool::lost(std::size_t host) const {
    check(host);
    const std::lock_guard guard(mutex_);
    return standing_[host].lost;
}

}  // namespace memrig
