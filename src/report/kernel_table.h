// The table scenario by kernel of a run or a campaign: what was played on which kernel, what came of it, and why the
// rest was not played.
#pragma once

#include <string>

#include "base/table.h"
#include "base/text.h"
#include "run/results.h"

namespace memrig {

// A line for each scenario, a column for each kernel. A field has the verdicts of the arms in their order, the control
// first: "held / oops". An unexpected one is marked "!". Instead of a scenario that was not played, there is the number
// of the reason below. Empty if there is only one kernel.
// Folds to `width` columns.
std::string kernel_table(const RunResults& results, const Paint& paint, std::size_t width = kUnfolded);
// The same for a document, also of one kernel.
std::string kernel_table_markdown(const RunResults& results);

}  // namespace memrig
