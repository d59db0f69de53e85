// Makes HTML pages of results. A page needs no other file, no network and no scripts.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "campaign/summary.h"
#include "report/subject.h"

namespace memrig {

// The page of a campaign, a run, a kill matrix or a sweep. It is smaller than 5 MB whatever the results hold, and
// mentions the parts that are left out. `before` holds earlier results in any order, for the trend and to tell which
// findings are new. Evidence is read below the subject's directory, which the page also names in commands; the page
// mentions evidence that cannot be read.
std::string subject_page(const Subject& subject, std::vector<LoadedCampaign> before);

// The page of one trial, read from its directory. Fails with Fault::user_input if the directory is not a trial's, or if
// a file in it is damaged.
Result<std::string> trial_page(const std::filesystem::path& directory);

}  // namespace memrig
