// Makes reports of a campaign from its database, at any time. docs/results.md describes the formats.
#pragma once

#include <cstddef>
#include <string>

#include "campaign/summary.h"
#include "run/results.h"

namespace memrig {

// The input of each report.
struct CampaignReport {
    const CampaignRecord& record;
    const CampaignSummary& night;  // of the same record
    std::string origin;            // for KCIDB: the name of the CI system, made of a to z, 0 to 9 and _
};

// Presents the campaign as one run, with the trials in the order of their numbers.
RunResults run_results_of(const CampaignRecord& record);

// Writes KTAP version 1, in the form that a run has (report/ktap.h).
std::string campaign_ktap(const CampaignReport& report);
// Writes the XML that Jenkins reads (tests/data/junit.xsd). It is valid UTF-8 and XML 1.0 whatever a guest printed.
std::string campaign_junit(const CampaignReport& report);
// Writes JSON in KCIDB's I/O schema, version 5.3.
std::string campaign_kcidb(const CampaignReport& report);
// Writes a table and the findings, for a mail or a merge request.
std::string campaign_markdown(const CampaignReport& report);
// Writes plain text of at most 72 columns that can be pasted into a reply: what was tested, the verdicts, the findings
// with a reproducer of three commands, and the limits.
std::string campaign_mail(const CampaignReport& report);
// Writes the table scenario by kernel in Markdown, for a document (report/kernel_table.h).
std::string campaign_kernels(const CampaignReport& report);

// --- parts that the reports share

// The outcome of a trial for a reader that knows only passes and failures.
enum class Outcome {
    // The result is as expected.
    passed,
    // The kernel is at fault: a trial of a control arm convicts it.
    failed,
    // Nothing is proven. Or a mutant was not caught: then the rig is blind, and nothing is known about the kernel.
    undecided,
    // The trial ended in a rig fault.
    rig_broken,
    // The result is unexpected only because of known findings.
    known
};
Outcome outcome_of(const CampaignReport& report, std::size_t result);
// Prints the first known finding of a result: "known until 2027-01-31: REASON". Empty if there is none.
std::string known_text(const CampaignReport& report, const StoredResult& result);
// Lists the finding of each oracle, the place of the evidence, and the command that replays the trial. Each line is
// one_line() text.
std::vector<std::string> explanation(const CampaignReport& report, const StoredResult& result);
// The seed for `memrig run --trials 1 --seed` that makes the choices of that trial again.
std::uint64_t run_seed_of(const CampaignReport& report, const StoredResult& result);
// The start of a trial, ISO 8601, UTC: its end minus its seconds. Empty if the end is not known.
std::string start_of(const StoredResult& result);

}  // namespace memrig
