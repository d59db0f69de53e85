// Reports of a campaign, made from what is stored, at any time. What each format says is in docs/results.md.
#pragma once

#include <cstddef>
#include <string>

#include "campaign/summary.h"
#include "run/results.h"

namespace memrig {

// What every one of them is made of.
struct CampaignReport {
    const CampaignRecord& record;
    const CampaignSummary& night;  // of the same record
    std::string origin;            // of KCIDB: the name of the CI system, of a to z, 0 to 9 and _
};

// The campaign as though one run had played it: trials in the order of their numbers.
RunResults run_results_of(const CampaignRecord& record);

// KTAP version 1, as of a run (report/ktap.h).
std::string campaign_ktap(const CampaignReport& report);
// The XML that Jenkins reads (tests/data/junit.xsd). Valid UTF-8 and XML 1.0 whatever a guest printed.
std::string campaign_junit(const CampaignReport& report);
// KCIDB's I/O schema, version 5.3.
std::string campaign_kcidb(const CampaignReport& report);
// A table and the findings, for a mail or a merge request.
std::string campaign_markdown(const CampaignReport& report);

// What they have in common.

// What a trial of a report is to a reader that knows passes and failures only.
enum class Outcome {
    passed,  // as expected
    failed,  // the kernel is at fault: a control convicts it
    undecided,  // nothing is proven; or a mutant was not caught, so that the rig is blind, and nothing is known of the kernel
    rig_broken,  // a rig fault
    known        // not as expected, for known findings alone
};
Outcome outcome_of(const CampaignReport& report, std::size_t result);
// "known until 2027-01-31: REASON", of the first such finding; empty where there is none.
std::string known_text(const CampaignReport& report, const StoredResult& result);
// Lines of one_line() text: what each oracle found, where the evidence is, how to replay it.
std::vector<std::string> explanation(const CampaignReport& report, const StoredResult& result);
// When it began, ISO 8601, UTC: its end less its seconds; empty where the end is not known.
std::string start_of(const StoredResult& result);

}  // namespace memrig
