#include "campaign/submission_status.h"

#include <nlohmann/json.hpp>

#include "base/json_text.h"
namespace memrig {

SubmissionSum sum_of(const std::vector<ShardStatus>& shards) {
    SubmissionSum sum;
    for (const ShardStatus& one : shards) {
        switch (one.state) {
            case ShardState::done: sum.done++; break;
            case ShardState::running: sum.running++; break;
            case ShardState::pending: sum.pending++; break;
            case ShardState::failed: sum.failed++; break;
            case ShardState::absent: sum.absent++; break;
            case ShardState::damaged: sum.damaged++; break;
        }
        sum.trials += one.trials;
        sum.as_expected += one.as_expected;
    }
    return sum;
}

std::string submission_line(const Submission& submission, const SubmissionSum& sum) {
    std::string text = fmt::format("{} of {} done", sum.done, counted(submission.shards, "shard"));
    const auto add = [&](unsigned count, const char* what) {
        if (count > 0) text += fmt::format(", {} {}", count, what);
    };
    add(sum.running, "running");
    add(sum.pending, "pending");
    add(sum.failed, "failed");
    add(sum.absent, "not in Slurm's queue");
    add(sum.damaged, "damaged");
    return text + fmt::format("; {} of {} done, {} as expected", sum.trials,
                              counted(submission.trials, submission.unit), sum.as_expected);
}

std::string submission_text(const Submission& submission, const std::vector<ShardStatus>& shards, const Paint& paint) {
    std::string text = paint.heading(one_line(submission.name)) + "\n";
    for (const ShardStatus& one : shards) {
        if (one.state == ShardState::done || one.state == ShardState::pending) continue;
        std::string line = fmt::format("shard {:>4}  {}", one.number, to_string(one.state));
        if (!one.node.empty()) line += " on " + one_line(one.node);
        if (one.restarts > 0) line += fmt::format(", restarted {}", counted(one.restarts, "time"));
        if (!one.why.empty()) line += ": " + one_line(one.why);
        if (one.state == ShardState::failed) line += fmt::format(" (logs/{}.log)", one.number);
        text += (one.state == ShardState::running ? line : paint.bad(line)) + "\n";
    }
    const SubmissionSum sum = sum_of(shards);
    const std::string line = submission_line(submission, sum);
    return text + (sum.failed + sum.absent + sum.damaged == 0 ? line : paint.bad(line)) + "\n";
}

std::string submission_json(const Submission& submission, const std::vector<ShardStatus>& shards) {
    using Json = nlohmann::ordered_json;
    const SubmissionSum sum = sum_of(shards);
    Json json = {{"schema", 1},
                 {"name", submission.name},
                 {"plan_hash", submission.plan_hash},
                 {"memrig", submission.memrig},
                 {"jobs", submission.jobs},
                 {"unit", submission.unit},
                 {"planned", submission.trials},
                 {"done", sum.trials},
                 {"as_expected", sum.as_expected}};
    json["shards"] = Json::array();
    for (const ShardStatus& one : shards) {
        Json shard = {{"shard", one.number}, {"state", to_string(one.state)}};
        if (one.state == ShardState::done) {
            shard["trials"] = one.trials;
            shard["as_expected"] = one.as_expected;
        }
        if (!one.node.empty()) shard["node"] = one.node;
        if (one.restarts > 0) shard["restarts"] = one.restarts;
        if (!one.why.empty()) shard["why"] = one.why;
        json["shards"].push_back(std::move(shard));
    }
    return json_document(json);
}

}  // namespace memrig
