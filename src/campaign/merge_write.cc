// The part of a merge that writes: the new database and the evidence.
#include <algorithm>

#include "base/file.h"
#include "campaign/copy_tree.h"
#include "campaign/merge.h"

namespace memrig {

namespace {

// A trial's directory is trials/ARM/NUMBER-ATTEMPT/... below the campaign's.
Result<fs::path> run_directory(const FinishedShard& shard, const StoredResult& result) {
    std::vector<fs::path> words(result.directory.begin(), result.directory.end());
    const bool good = words.size() >= 3 && words[0] == "trials" && std::ranges::find(words, "..") == words.end();
    if (!good)
        return fail(Fault::user_input, "{}: trial {} has an unknown directory of evidence, {}",
                    shard.directory.string(), result.trial.number, result.directory.string());
    return words[0] / words[1] / words[2];
}

class Merger {
public:
    Merger(const JoinedShards& joined, fs::path target) : joined_(joined), target_(std::move(target)) {}

    Status write() {
        MEMRIG_TRY(CampaignStore store, CampaignStore::open(target_, joined_.plan));
        std::string started;
        for (const FinishedShard* part : joined_.parts) {
            MEMRIG_CHECK(place_cells(*part));
            MEMRIG_CHECK(take_results(*part));
            if (started.empty() || part->record.started < started) started = part->record.started;
        }
        for (const FinishedShard* part : joined_.parts) MEMRIG_CHECK(take_left_out(store, *part));
        return store.import(results_, attempts_, started);
    }

private:
    // Finds the number of each of the shard's cells in the whole plan. Both are in the same order.
    Status place_cells(const FinishedShard& part) {
        places_.clear();
        for (const CellProgress& one : part.record.cells) {
            while (next_ < joined_.plan.cells.size() && joined_.plan.cells[next_].key() != one.cell.key()) next_++;
            if (next_ == joined_.plan.cells.size())
                return fail(Fault::rig, "{} has an arm that the plan lacks", part.directory.string());
            places_.push_back(next_);
        }
        return {};
    }

    Status take_results(const FinishedShard& part) {
        for (StoredResult result : part.record.results) {
            MEMRIG_TRY(const fs::path old_run, run_directory(part, result));
            result.trial.cell = places_[result.trial.cell];
            const fs::path run = fs::path("trials") / fmt::format("{:04}", result.trial.cell) / old_run.filename();
            result.directory = run / result.directory.lexically_relative(old_run);
            MEMRIG_CHECK(take_evidence(part.directory / old_run, target_ / run));
            results_.push_back(std::move(result));
        }
        for (StoredAttempt attempt : part.attempts) {
            attempt.trial.cell = places_[attempt.trial.cell];
            attempts_.push_back(std::move(attempt));
        }
        return {};
    }

    // A trial whose worker died three times has no directory, or a part of one.
    static Status take_evidence(const fs::path& from, const fs::path& to) {
        std::error_code code;
        MEMRIG_CHECK(make_directories(to.parent_path()));
        if (fs::is_directory(from, code)) MEMRIG_CHECK(copy_tree(from, to));
        if (fs::is_regular_file(from.string() + ".log", code))
            MEMRIG_CHECK(link_or_copy(from.string() + ".log", to.string() + ".log"));
        return {};
    }

    Status take_left_out(CampaignStore& store, const FinishedShard& part) {
        for (const CellProgress& one : part.record.cells) {
            if (!one.is_left_out()) continue;
            for (std::size_t i = 0; i < joined_.plan.cells.size(); i++)
                if (joined_.plan.cells[i].key() == one.cell.key()) MEMRIG_CHECK(store.leave_out(i, one));
        }
        return {};
    }

    const JoinedShards& joined_;
    fs::path target_;
    std::size_t next_ = 0;
    std::vector<std::size_t> places_;
    std::vector<StoredResult> results_;
    std::vector<StoredAttempt> attempts_;
};

}  // namespace

Status check_new_directory(const fs::path& out) {
    std::error_code code;
    if (!fs::exists(out, code) || fs::is_empty(out, code)) return {};
    return fail_with({Fault::user_input, out.string() + " exists and is not empty", {}}, "give a new --out");
}

Status make_whole_directory(const fs::path& out, const std::function<Status(const fs::path&)>& write) {
    fs::path target = fs::absolute(out).lexically_normal();
    if (!target.has_filename()) target = target.parent_path();  // "DIR/"
    const fs::path parent = target.parent_path();
    MEMRIG_CHECK(make_directories(parent));
    MEMRIG_TRY(TemporaryDirectory made, TemporaryDirectory::make(".memrig-merge", parent));
    MEMRIG_CHECK(write(made.path()));
    let_all_read(made.path());
    std::error_code code;
    fs::rename(made.path(), target, code);
    if (code) return fail(Fault::host, "cannot make {}: {}", out.string(), code.message());
    made.release();
    return {};
}

Result<MergeReport> merge_campaign(const std::vector<fs::path>& directories, const fs::path& out) {
    MEMRIG_CHECK(check_new_directory(out));
    std::vector<FinishedShard> shards;
    for (const fs::path& directory : directories) {
        MEMRIG_TRY(const auto finished, finished_shards_in(directory));
        for (const fs::path& one : finished) {
            MEMRIG_TRY(FinishedShard shard, read_finished_shard(one));
            shards.push_back(std::move(shard));
        }
    }
    MEMRIG_TRY(JoinedShards joined, join_shards(shards));
    MEMRIG_CHECK(make_whole_directory(out, [&](const fs::path& made) { return Merger(joined, made).write(); }));
    return std::move(joined.report);
}

}  // namespace memrig
