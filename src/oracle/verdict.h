// Verdicts: what a trial is found to be, and the findings that it rests on.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oracle/finding_key.h"

namespace memrig {

enum class Verdict {
    held,          // the protection was seen to hold
    deadlock,      // a cycle in the wait-for graph, twice, unchanged
    oops,          // the kernel crashed
    rule_broken,   // a locking rule was seen broken
    lock_order,    // an inversion with no gate lock common to it
    accounting,    // blocks, zones or totals do not add up
    hang,          // stuck, without a cycle that is proven
    inconclusive,  // nothing is proven: never a pass
    rig_fault      // our side or the host broke
};

const char* to_string(Verdict verdict);  // "held", "rule-broken", "rig-fault", ...
std::optional<Verdict> parse_verdict(std::string_view text);
const std::vector<std::string_view>& verdict_names();
// The gravest has the least: a trial's verdict is that of its gravest finding.
int gravity(Verdict verdict);

// Whether the verdict finds the kernel guilty. `held` does not, nor does `inconclusive`, which proves nothing, nor
// `rig_fault`, which is not the kernel's.
bool convicts(Verdict verdict);
// The same for a verdict as it is stored. False for a text that is no verdict, e.g. "skipped".
bool convicts(std::string_view verdict);

// What one oracle says of one trial.
struct Finding {
    std::string oracle;  // "crash", "deadlock", "accounting", "console", "evidence", ...
    Verdict verdict = Verdict::inconclusive;
    std::string summary;  // one line
    std::vector<std::string> details;
    FindingKey key = {};  // what the summary and the details say, as fields
};

}  // namespace memrig
