// The parts of a page of results. Each adds one section to the page.
#pragma once

#include <string>
#include <vector>

#include "campaign/fingerprint.h"
#include "page/html.h"
#include "page/page.h"
#include "report/subject.h"

namespace memrig::page {

// The look of a state: a class of page.css, and a sign for readers who see no colours.
struct Look {
    const char* css;
    const char* sign;
};
Look look_of(const CellProgress& cell);
Look look_of(std::string_view verdict, bool as_expected);

// Results with the same finding: the same fingerprint, or the same verdict and reason if no finding accuses the kernel.
struct Group {
    Fingerprint print;
    std::string verdict, summary;      // from the result `first`
    std::vector<std::string> details;  // likewise
    // An index into the record's results: the first unexpected one, or else the first.
    std::size_t first = 0;
    // Numbers of results. `known`: unexpected only because of known findings.
    std::size_t count = 0, unexpected = 0, known = 0;
    std::string why_known;           // KnownFinding::text(), if the plan lists it
    std::vector<std::size_t> cells;  // indices, each once
    bool is_new = false;             // no earlier campaign had it
};

// Returns the groups: unexpected ones first, then new ones, then the gravest. Expected results without a finding that
// accuses the kernel (held) are in no group.
std::vector<Group> groups_of(const LoadedCampaign& now, const std::vector<LoadedCampaign>& before);

// Makes one line of at most `columns` columns from a guest's or a plan's text, so that each part of a page is bounded.
std::string bounded(std::string_view text, std::size_t columns = 400);
// Prints the rate of expected results with its 95% interval, "96.4% (81.7% to 99.4%)", or "none" without results.
std::string rate_text(unsigned as_expected, unsigned done);

// Adds the name and the value to a list of facts.
void add_fact(Element& list, const char* name, const std::string& value);

// Adds a section with its heading. `id` names both.
Element add_section(Element& parent, const std::string& id, std::string_view title);
// Adds a line about what is left out to keep the page small; nothing if `n` is 0.
void add_left_out(Element& parent, std::size_t n, std::string_view noun);

void add_summary(Element& parent, const Subject& subject, const std::vector<Group>& groups);
void add_matrix(Element& parent, const CampaignRecord& record);
// Adds what the results do not show: bounds, rules that were not exercised, gaps, and the use of each check.
void add_limits(Element& parent, const LoadedCampaign& now);
void add_arms(Element& parent, const CampaignRecord& record);
void add_trend(Element& parent, const LoadedCampaign& now, const std::vector<LoadedCampaign>& before);
// Adds a table that only this kind of subject has. The good rows are folded.
void add_subject_table(Element& parent, const SubjectTable& table, const std::string& id);
// Adds a line for each result, folded: the trial, its verdict and its directory.
void add_trials(Element& parent, const LoadedCampaign& now);
// Adds the findings: those that were not expected and new ones, then the others, folded. Returns how many groups, from
// the first, have a part of their own, with the id finding-HASH.
std::size_t add_findings(Element& parent, const LoadedCampaign& now, const std::vector<Group>& groups, bool has_before);
// Returns whether a group needs attention: a result of it was not expected, or it is new.
inline bool is_news(const Group& group, bool has_before) {
    return group.unexpected > 0 || (has_before && group.is_new);
}

}  // namespace memrig::page
