// What was said on one QMP session, in order: evidence.
#pragma once

#include <deque>
#include <mutex>

#include "qmp/qmp_client.h"

namespace memrig {

// Thread-safe. Keeps the newest lines: a peer that talks without end must not fill our memory.
class Transcript {
public:
    explicit Transcript(std::size_t capacity = std::size_t{16} << 20) : capacity_(capacity) {}

    // `text` is a message as it was on the wire; the white space around it is not kept.
    void add(bool sent, std::string_view text);
    // Where lines had to be dropped, the first one says how many: {"dropped-lines": N}.
    std::vector<QmpLine> lines();

private:
    std::mutex mutex_;
    std::deque<QmpLine> lines_;
    std::size_t capacity_;  // bytes of text
    std::size_t size_ = 0;
    std::size_t dropped_ = 0;
};

}  // namespace memrig
