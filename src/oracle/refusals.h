// What QEMU and the kernel answered to those who plug and unplug, against what was expected of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "schedule/performance.h"

namespace memrig {

bool expects_refusals(const Schedule& schedule);

// Each line is an answer that is not the one expected: a refusal that did not come, came unexpected, or is another one.
std::vector<std::string> unexpected_answers(const Schedule& schedule, const Performance& performance);

// What `held` can rest on: the refusals, where every one that is expected came.
std::optional<std::string> refusals_that_came(const Schedule& schedule, const Performance& performance);

}  // namespace memrig
