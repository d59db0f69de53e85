// What was said on the agent's link, for the evidence of a trial.
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "guest/frame.h"

namespace memrig {

struct TranscriptEntry {
    SteadyTime at;
    bool sent = false;  // by us; else received
    const Frame& frame;
};

// Called for every frame, from the thread that sent or received it, one call at a time.
using TranscriptSink = std::function<void(const TranscriptEntry&)>;

// One line: "1.234567 > request #12/0 verb=blocks"; seconds since `origin`. Long payloads are cut, and binary ones counted.
std::string transcript_line(const TranscriptEntry& entry, SteadyTime origin);

}  // namespace memrig
