// Verdicts on trials, and the findings that they rest on.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oracle/finding_key.h"

namespace memrig {

enum class Verdict {
    held,          // the protection was seen to hold
    deadlock,      // a cycle in the wait-for graph, seen twice, unchanged
    oops,          // the kernel crashed
    rule_broken,   // a locking rule was seen broken
    lock_order,    // an inversion with no gate lock common to it
    accounting,    // blocks, zones or totals do not add up
    hang,          // stuck, without a proven cycle
    warning,       // the kernel warned when a call that it made failed
    inconclusive,  // nothing is proven: never a pass
    rig_fault      // the rig or its host failed
};

const char* to_string(Verdict verdict);  // "held", "rule-broken", "rig-fault", ...
std::optional<Verdict> parse_verdict(std::string_view text);
const std::vector<std::string_view>& verdict_names();
// The lower the number, the graver the verdict. A trial's verdict is that of its gravest finding.
int gravity(Verdict verdict);

// Returns whether the verdict finds the kernel guilty. `held` does not. Neither do `inconclusive`, which proves
// nothing, and `rig_fault`, which is not the kernel's fault.
bool convicts(Verdict verdict);
// The same for the stored text of a verdict. False for a text that is not a verdict, e.g. "skipped".
bool convicts(std::string_view verdict);

// One oracle's statement about one trial.
struct Finding {
    std::string oracle;  // "crash", "deadlock", "accounting", "console", "evidence", ...
    Verdict verdict = Verdict::inconclusive;
    std::string summary;  // one line
    std::vector<std::string> details;
    FindingKey key = {};  // what the summary and the details say, as fields
};

// The oracle of a finding that tells what a trial that held could not check on its kernel. Such a trial counts as
// "held, with gaps".
inline constexpr const char* kGapOracle = "gaps";
inline constexpr const char* kHeldWithGaps = "held, with gaps";
bool has_gaps(const std::vector<Finding>& findings);

}  // namespace memrig
