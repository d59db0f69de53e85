// Known findings: those that a plan tolerates, each for a reason and until a date. The format is in docs/campaigns.md.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "campaign/fingerprint.h"

namespace memrig {

struct KnownFinding {
    std::string fingerprint;  // a hash, or a shell pattern (fnmatch(3)) for the fingerprint's text
    std::string scenario;     // a shell pattern; "*" for all
    std::string reason;
    std::chrono::year_month_day expires;  // the last day on which it is known, UTC
    std::string place;                    // "plan.toml:12"
    [[nodiscard]] bool matches(std::string_view in_scenario, const Fingerprint& made) const;
    [[nodiscard]] bool expired(std::chrono::year_month_day on) const { return on > expires; }
    // "known until 2026-12-31: REASON", "was known until 2026-12-31: REASON".
    [[nodiscard]] std::string text(std::chrono::year_month_day on) const;
};

// Reads the [[known]] tables of a plan's text. `file` is the name in error messages. A mistake is Fault::user_input
// with "file:line:column: ...".
Result<std::vector<KnownFinding>> parse_known(std::string_view plan, const std::string& file);

// Today's date, UTC.
std::chrono::year_month_day today();

}  // namespace memrig
