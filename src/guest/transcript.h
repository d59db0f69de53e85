// Formats the frames on the agent's link, for the evidence of a trial.
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "guest/frame.h"

namespace memrig {

struct TranscriptEntry {
    SteadyTime at;
    bool sent = false;  // by memrig; else received
    const Frame& frame;
};

// Called for every frame, from the thread that sent or received it, one call at a time.
using TranscriptSink = std::function<void(const TranscriptEntry&)>;

// One line with the seconds since `origin`: "1.234567 > request #12/0 verb=blocks". Cuts long payloads; of a deflated
// payload it gives the size only.
std::string transcript_line(const TranscriptEntry& entry, SteadyTime origin);

}  // namespace memrig
