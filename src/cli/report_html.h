// Implements `memrig report --format html`.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"

namespace memrig {

struct HtmlReport {
    std::filesystem::path campaign;
    std::vector<std::string> before;  // earlier campaigns' directories
    std::string out;                  // a file, a directory or "-"; empty: report.html in the campaign's directory
};

// Writes the page, and prints the name of its file on stdout. Fault::user_input if a directory has no campaign.
Status report_html(const HtmlReport& report);

}  // namespace memrig
