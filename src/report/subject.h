// Reads what a report is about: a campaign, a run, a kill matrix, a sweep or a hunt, each from its directory.
//
// All of them take the form of a campaign, so that one set of reports serves them all. A new kind of directory needs a
// loader in subject.cc, and nothing else.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "campaign/summary.h"

namespace memrig {

// A table that only this kind of subject has.
struct SubjectTable {
    struct Row {
        std::vector<std::string> fields;  // one for each column
        bool is_good = true;              // a page folds the good rows
    };
    std::string caption;
    std::vector<std::string> columns;
    std::vector<Row> rows;
};

struct Subject {
    std::string kind = "Campaign";  // "Run", "Kill matrix", "Sweep", "Hunt"
    LoadedCampaign results;
    std::vector<std::pair<std::string, std::string>> facts = {};  // name and value
    std::vector<SubjectTable> tables = {};
    // The exit status of the command that left the directory. Empty: that of `results`.
    std::optional<int> exit_status = {};
    [[nodiscard]] bool is_campaign() const { return kind == "Campaign"; }
};

// Reads the directory. Fails with Fault::user_input if nothing in it is known, or if a file is damaged. Most files of a
// directory came from a guest or may be forged: they are checked, and no evidence outside of the directory is read.
Result<Subject> load_subject(const std::filesystem::path& directory);

// Returns true if a path in a directory's files stays within the directory.
bool lies_within(const std::filesystem::path& relative);

}  // namespace memrig
