// Prints what became of the shards of a submitted campaign, as text for people and as JSON for scripts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/text.h"
#include "campaign/submission.h"

namespace memrig {

// The numbers of shards in each state, and the trials of those that are done.
struct SubmissionSum {
    unsigned done = 0, running = 0, pending = 0, failed = 0, absent = 0, damaged = 0;
    std::uint64_t trials = 0, as_expected = 0;
    bool operator==(const SubmissionSum&) const = default;
};
SubmissionSum sum_of(const std::vector<ShardStatus>& shards);

// One line: "5 of 8 shards are done, 2 running, 1 pending; 125 of 200 trials, 124 as expected".
std::string submission_line(const Submission& submission, const SubmissionSum& sum);
// A line for each shard that is neither done nor pending, then submission_line().
std::string submission_text(const Submission& submission, const std::vector<ShardStatus>& shards, const Paint& paint);
// The schema is in docs/campaigns.md.
std::string submission_json(const Submission& submission, const std::vector<ShardStatus>& shards);

}  // namespace memrig
