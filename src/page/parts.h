// The parts of a campaign's page. Each adds one section to the page.
#pragma once

#include <string>
#include <vector>

#include "campaign/fingerprint.h"
#include "page/html.h"
#include "page/page.h"

namespace memrig::page {

// What a state looks like: a class of page.css and a sign, for those who see no colours.
struct Look {
    const char* css;
    const char* sign;
};
Look look_of(const CellProgress& cell);
Look look_of(std::string_view verdict, bool as_expected);

// Results that tell the same: one fingerprint, or one verdict and reason where no finding accuses the kernel.
struct Group {
    Fingerprint print;
    std::string verdict, summary;      // the first one's
    std::vector<std::string> details;  // likewise
    std::size_t first = 0;  // an index into the record's results: the first that was not as expected, if one was not
    std::size_t count = 0, unexpected = 0, known = 0;  // results; `known`: not as expected, for known findings alone
    std::string why_known;                             // where its cells' plan lists it
    std::vector<std::size_t> cells;                    // by index, each once
    bool is_new = false;                               // no earlier campaign had it
};

// Unexpected ones first, the gravest first. What an arm expects and is no finding (held) is not among them.
std::vector<Group> groups_of(const LoadedCampaign& now, const std::vector<LoadedCampaign>& before);

// Text of a guest's or a plan's, cut so that no part of a page is larger than it is said to be.
std::string bounded(std::string_view text, std::size_t columns = 400);
// "96.4% (81.7% to 99.4%)", of those as expected with the 95% interval; "none" without results.
std::string rate_text(unsigned as_expected, unsigned done);

void add_summary(Element& parent, const LoadedCampaign& now, const std::vector<Group>& groups);
void add_matrix(Element& parent, const CampaignRecord& record);
void add_arms(Element& parent, const CampaignRecord& record);
void add_trend(Element& parent, const LoadedCampaign& now, const std::vector<LoadedCampaign>& before);
// How many of them, from the first, have a part of their own: finding-HASH.
std::size_t add_findings(Element& parent, const LoadedCampaign& now, const std::vector<Group>& groups, bool has_before);

}  // namespace memrig::page
