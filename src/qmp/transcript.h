// Records the messages of one QMP session in order, as evidence.
#pragma once

#include <deque>
#include <mutex>

#include "qmp/qmp_client.h"

namespace memrig {

// Thread-safe. Keeps the newest lines only: a peer that never stops sending must not fill memrig's memory.
class Transcript {
public:
    explicit Transcript(std::size_t capacity = std::size_t{16} << 20) : capacity_(capacity) {}

    // `text`: a message as it was on the wire. White space around it is not kept.
    void add(bool sent, std::string_view text);
    // If lines were dropped, the first one gives their number: {"dropped-lines": N}.
    std::vector<QmpLine> lines();

private:
    std::mutex mutex_;
    std::deque<QmpLine> lines_;
    std::size_t capacity_;  // bytes of text
    std::size_t size_ = 0;
    std::size_t dropped_ = 0;
};

}  // namespace memrig
