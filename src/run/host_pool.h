// Chooses the host of the next trial, and keeps track of the hosts that were lost.
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

// A host is named by its index in the list given to the constructor. Thread-safe.
class HostPool {
public:
    // `answers` checks whether a host still answers. It may take long, and several threads may call it at the same
    // time.
    HostPool(std::vector<std::string> names, std::function<Status(std::size_t)> answers);

    // Returns the host with the fewest trials in progress, and counts one more for it until give_back(). Fails with
    // Fault::rig if no host is left.
    Result<std::size_t> take();
    // REQUIRES: take() returned this host.
    void give_back(std::size_t host);

    // For a host on which something failed: asks whether it still answers, and removes it from the pool if it does not.
    // Returns nothing if it answers.
    struct Loss {
        std::string host, why;
        bool is_news;  // this call found the loss
    };
    std::optional<Loss> look_after(std::size_t host);

    [[nodiscard]] std::size_t size() const { return names_.size(); }
    [[nodiscard]] const std::string& name(std::size_t host) const {
        check(host);
        return names_[host];
    }
    // Returns why the host is out of the pool; "" while it is in the pool.
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
