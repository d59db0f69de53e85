#include "campaign/work_merge.h"

#include <set>

#include "base/text.h"
#include "campaign/copy_tree.h"
#include "campaign/work_join.h"

namespace memrig {

namespace {

std::unexpected<Error> refuse_merge(std::string message) { return fail(Fault::user_input, "{}", message); }

std::string name_of(const fs::path& directory, const ShardSeal& seal) {
    return fmt::format("{} (shard {})", directory.string(), seal.identity.shard.text());
}

Status check_part(const Submission& submission, const fs::path& directory, const ShardSeal& seal) {
    const std::string name = name_of(directory, seal);
    if (seal.is_of_campaign()) return refuse_merge(name + " is of a campaign, and not of this work");
    if (seal.identity.plan_hash != submission.plan_hash)
        return refuse_merge(name + " is of other work: its scenario, kernel, seed, options or recording differ");
    if (seal.identity.shard.count != submission.shards)
        return refuse_merge(
            fmt::format("{} overlaps the others: this work has {}", name, counted(submission.shards, "shard")));
    if (seal.identity.memrig != submission.memrig)
        return refuse_merge(fmt::format("{} was run by memrig {}, and the work was submitted by memrig {}", name,
                                        seal.identity.memrig, submission.memrig));
    return {};
}

// One image of each kernel in the opening and in all shards.
class WorkImages {
public:
    Status check(const fs::path& directory, const ShardSeal& seal) {
        for (const auto& [kernel, sha256] : seal.kernels) {
            const auto [seen, is_new] = seen_.try_emplace(kernel, sha256, directory);
            if (!is_new && seen->second.first != sha256)
                return refuse_merge(fmt::format("{} and {} are not of one work: the image of kernel {} differs",
                                                seen->second.second.string(), directory.string(), one_line(kernel)));
        }
        return {};
    }

private:
    std::map<std::string, std::pair<std::string, fs::path>> seen_;
};

Result<std::vector<WorkPart>> parts_of(const Submission& submission, const fs::path& directory, WorkImages& images,
                                       MergeReport& report) {
    std::vector<WorkPart> parts;
    std::set<unsigned> have;
    MEMRIG_TRY(const auto finished, finished_shards_in(directory));
    for (const fs::path& one : finished) {
        MEMRIG_TRY(const ShardSeal seal, check_finished_shard(one));
        MEMRIG_CHECK(check_part(submission, one, seal));
        MEMRIG_CHECK(images.check(one, seal));
        const bool counts = have.insert(seal.identity.shard.number).second;
        if (!counts)
            report.notes.push_back(
                fmt::format("shard {} was run twice: {} does not count", seal.identity.shard.text(), one.string()));
        parts.push_back({one, seal.identity.shard, counts});
    }
    MEMRIG_CHECK(check_no_gap(submission.shards, have));
    report.shards = have.size();
    return parts;
}

}  // namespace

Result<ShardSeal> read_opening(const fs::path& directory) { return check_finished_shard(opening_of(directory)); }

Result<MergeReport> merge_work(const fs::path& directory, const fs::path& out) {
    MEMRIG_TRY(const Submission submission, read_submission(directory));
    const fs::path opening = opening_of(directory);
    MEMRIG_TRY(const ShardSeal opened, read_opening(directory));
    MEMRIG_CHECK(check_new_directory(out));
    MergeReport report;
    WorkImages images;
    MEMRIG_CHECK(images.check(opening, opened));
    MEMRIG_TRY(const auto parts, parts_of(submission, directory, images, report));
    const auto write = [&](const fs::path& made) -> Status {
        for (const auto& [name, sha256] : opened.files) {
            const fs::path file = name;
            if (file.extension() == ".jsonl")
                MEMRIG_CHECK(join_journal({opening, file, submission.trials}, parts, made, report.notes));
            else MEMRIG_CHECK(link_or_copy(opening / file, made / file));
        }
        return {};
    };
    MEMRIG_CHECK(make_whole_directory(out, write));
    report.trials = submission.trials;
    return report;
}

}  // namespace memrig
