// Implements `memrig report --format html`.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"

namespace memrig {

struct HtmlReport {
    std::filesystem::path directory;       // of a campaign, a run, a kill matrix, a sweep or one trial
    std::vector<std::string> before = {};  // directories of earlier results
    std::string out = {};                  // a file, a directory or "-"; empty: report.html in the directory
};

// Writes the page, and prints the name of its file on stdout. Fault::user_input if a directory has no results.
Status report_html(const HtmlReport& report);

}  // namespace memrig
