// The hosts that trials are spread over: who gets the next one, and who is gone.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/assert.h"
#include "base/error.h"

namespace memrig {

// Hosts are told by their place in the order in which they were given. Thread-safe.
class HostPool {
public:
    // `answers` says whether a host is still there, and may take its time. It may be called by several threads at once.
    HostPool(std::vector<std::string> names, std::function<Status(std::size_t)> answers);

    // The host that plays the fewest trials, which plays one more until it is given back. Fault::rig once none is left.
    Result<std::size_t> take();
    // REQUIRES: take() gave it.
    void give_back(std::size_t host);

    // Where something failed on a host: asks whether it is there, and if not takes it out of the pool.
    struct Loss {
        std::string host, why;
        bool is_news;  // nobody was told before
    };
    std::optional<Loss> look_after(std::size_t host);

    [[nodiscard]] std::size_t size() const { return names_.size(); }
    [[nodiscard]] const std::string& name(std::size_t host) const {
        check(host);
        return names_[host];
    }
    // Why it is out of the pool; "" while it is in it.
    [[nodiscard]] std::string lost(std::size_t host) const;

private:
    void check(std::size_t host) const { MEMRIG_ASSERT(host < names_.size(), "the host is one of the pool's"); }

    const std::vector<std::string> names_;
    const std::function<Status(std::size_t)> answers_;
    mutable std::mutex mutex_;
    struct Standing {
        unsigned playing = 0;
        std::string lost;
    };
    std::vector<Standing> standing_;
};

}  // namespace memrig
