// Compares the answers of QEMU and the kernel to plug and unplug requests with the expected answers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "schedule/performance.h"

namespace memrig {

bool expects_refusals(const Schedule& schedule);

// One line for each answer that was not expected: a refusal that did not come, an unexpected refusal, or another
// refusal than the expected one.
std::vector<std::string> unexpected_answers(const Schedule& schedule, const Performance& performance);

// The refusals, as grounds for the verdict `held`. Nothing if any expected refusal did not come.
std::optional<std::string> refusals_that_came(const Schedule& schedule, const Performance& performance);

}  // namespace memrig
