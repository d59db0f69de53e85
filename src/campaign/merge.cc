#include "campaign/merge.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "base/file.h"
#include "base/stop_request.h"
#include "base/text.h"
#include "campaign/fingerprint.h"

namespace memrig {

namespace {

std::unexpected<Error> refuse(std::string message, const char* remedy = "") {
    return fail_with({Fault::user_input, std::move(message), {}}, remedy);
}

std::string name_of(const FinishedShard& shard) {
    return fmt::format("{} (shard {})", shard.directory.string(), shard.identity.shard.text());
}

Status check_one_campaign(const FinishedShard& first, const FinishedShard& other) {
    const auto differ = [&](const std::string& what) {
        return refuse(fmt::format("{} and {} are not of one campaign: {}", name_of(first), name_of(other), what));
    };
    if (other.record.seed != first.record.seed) return differ("the seeds of their plans differ");
    if (other.identity.plan_hash != first.identity.plan_hash) return differ("their plans differ");
    if (other.identity.shard.count != first.identity.shard.count)
        return differ("they are of different numbers of shards, and so overlap");
    if (other.identity.memrig != first.identity.memrig)
        return differ(
            fmt::format("memrig {} ran the one, memrig {} the other", first.identity.memrig, other.identity.memrig));
    return {};
}

// One image of each kernel in all shards.
class KernelImages {
public:
    Status check(const FinishedShard& shard) {
        for (const StoredResult& result : shard.record.results) {
            if (result.setting.sha256.empty()) continue;
            const std::string& kernel = shard.record.cells[result.trial.cell].cell.kernel;
            const auto [seen, is_new] = seen_.try_emplace(kernel, result.setting.sha256, &shard);
            if (!is_new && seen->second.first != result.setting.sha256)
                return refuse(fmt::format("{} and {} are not of one campaign: the image of kernel {} differs",
                                          name_of(*seen->second.second), name_of(shard), one_line(kernel)));
        }
        return {};
    }

private:
    std::map<std::string, std::pair<std::string, const FinishedShard*>> seen_;
};

// Each trial of the shard's own range has a result, unless its arm was left out, and there is no other trial.
Status check_trials(const FinishedShard& shard) {
    std::vector<std::set<unsigned>> have(shard.record.cells.size());
    for (const StoredResult& result : shard.record.results) {
        const PlanCell& cell = shard.record.cells[result.trial.cell].cell;
        if (result.trial.number < cell.first || result.trial.number > cell.last())
            return refuse(fmt::format("{} overlaps another shard: it has trial {} of {}", name_of(shard),
                                      result.trial.number, one_line(cell.key())));
        have[result.trial.cell].insert(result.trial.number);
    }
    for (std::size_t i = 0; i < have.size(); i++) {
        const CellProgress& one = shard.record.cells[i];
        if (have[i].size() == one.cell.trials || (have[i].empty() && one.is_left_out())) continue;
        unsigned missing = one.cell.first;
        while (have[i].contains(missing)) missing++;
        return refuse(fmt::format("{} has a gap: trial {} of {} has no result", name_of(shard), missing,
                                  one_line(one.cell.key())),
                      "run that shard again");
    }
    return {};
}

// Adds the shard's cells to the plan. A cell of several shards goes on where the shard before has left it.
Status add_cells(Plan& plan, const FinishedShard& shard, const FinishedShard* before) {
    for (std::size_t i = 0; i < shard.record.cells.size(); i++) {
        const PlanCell& cell = shard.record.cells[i].cell;
        const bool goes_on = i == 0 && !plan.cells.empty() && plan.cells.back().key() == cell.key();
        const unsigned expected = goes_on ? plan.cells.back().last() + 1 : 1;
        if (cell.first != expected || (!goes_on && std::ranges::any_of(plan.cells, [&](const PlanCell& known) {
                return known.key() == cell.key();
            })))
            return refuse(fmt::format("{} {}{}: it begins with trial {} of {}", name_of(shard),
                                      cell.first < expected || !goes_on ? "overlaps" : "leaves a gap after",
                                      before == nullptr ? " nothing" : " " + name_of(*before), cell.first,
                                      one_line(cell.key())));
        if (goes_on) plan.cells.back().trials += cell.trials;
        else plan.cells.push_back(cell);
    }
    return {};
}

// An arm is left out in all of its shards or in none.
Status check_left_out(const std::vector<const FinishedShard*>& parts) {
    std::map<std::string, const FinishedShard*> played, left_out;
    for (const FinishedShard* part : parts)
        for (const CellProgress& one : part->record.cells)
            (one.is_left_out() && one.done == 0 ? left_out : played).try_emplace(one.cell.key(), part);
    for (const auto& [key, part] : left_out)
        if (const auto other = played.find(key); other != played.end())
            return refuse(fmt::format("{} has a gap: it left out {}, which {} has played", name_of(*part),
                                      one_line(key), name_of(*other->second)),
                          "run that shard again");
    return {};
}

std::set<std::string> accusations(const StoredResult& result) {
    std::set<std::string> all;
    for (const Finding& finding : parse_findings(result.findings))
        if (accuses(finding)) all.insert(fingerprint_of(finding).hash);
    return all;
}

// Two attempts of one shard, as a node that was thought dead leaves them.
void compare_attempts(const FinishedShard& counts, const FinishedShard& other, std::vector<std::string>& notes) {
    std::map<CampaignTrial, const StoredResult*> known;
    for (const StoredResult& result : counts.record.results) known[result.trial] = &result;
    unsigned differences = 0;
    for (const StoredResult& result : other.record.results) {
        const auto same = known.find(result.trial);
        const bool differs = same == known.end() || same->second->verdict != result.verdict ||
                             accusations(*same->second) != accusations(result);
        if (!differs) continue;
        differences++;
        const std::string key = one_line(counts.record.cells[result.trial.cell].cell.key());
        const auto said = [](const StoredResult& one) {
            std::string text = one_line(one.verdict);
            for (const auto& hash : accusations(one)) text += " " + hash;
            return text;
        };
        notes.push_back(fmt::format("trial {} of {}: {} in {}, which counts, and {} in {}", result.trial.number, key,
                                    same == known.end() ? "no result" : said(*same->second), counts.directory.string(),
                                    said(result), other.directory.string()));
    }
    if (differences == 0)
        notes.push_back(fmt::format("shard {} was run twice, with the same verdicts: {} counts, {} does not",
                                    counts.identity.shard.text(), counts.directory.string(), other.directory.string()));
}

void note_differences(const std::vector<const FinishedShard*>& parts, std::vector<std::string>& notes) {
    std::set<std::string> qemus, accelerators, texts;
    for (const FinishedShard* part : parts) {
        texts.insert(part->record.plan);
        for (const StoredResult& result : part->record.results) {
            qemus.insert(one_line(result.setting.qemu));
            accelerators.insert(one_line(result.setting.accelerator));
        }
    }
    const auto listed = [&](const char* what, std::set<std::string> words) {
        words.erase("");
        std::string text;
        for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
        if (words.size() > 1) notes.push_back(fmt::format("the shards differ in their {}: {}", what, text));
    };
    listed("QEMU", qemus);
    listed("accelerator", accelerators);
    if (texts.size() > 1)
        notes.push_back("the known findings of the shards' plans differ: those of " +
                        parts.front()->directory.string() + " are taken");
}

// Returns the shards by number. The first of several attempts of a shard counts.
Result<std::vector<const FinishedShard*>> pick_parts(const std::vector<FinishedShard>& shards,
                                                     std::vector<std::string>& notes) {
    std::map<unsigned, const FinishedShard*> by_number;
    for (const FinishedShard& shard : shards) {
        MEMRIG_CHECK(check_one_campaign(shards.front(), shard));
        MEMRIG_CHECK(check_trials(shard));
        const auto [there, is_new] = by_number.try_emplace(shard.identity.shard.number, &shard);
        if (is_new) continue;
        if (there->second->record.cells.size() != shard.record.cells.size())
            return refuse(fmt::format("{} and {} are the same shard with different trials", name_of(*there->second),
                                      name_of(shard)));
        compare_attempts(*there->second, shard, notes);
    }
    std::set<unsigned> have;
    for (const auto& [number, shard] : by_number) have.insert(number);
    MEMRIG_CHECK(check_no_gap(shards.front().identity.shard.count, have));
    std::vector<const FinishedShard*> parts;
    for (const auto& [number, shard] : by_number) parts.push_back(shard);
    return parts;
}

}  // namespace

Status check_no_gap(unsigned count, const std::set<unsigned>& have) {
    constexpr unsigned most_listed = 8;
    std::string missing;
    for (unsigned number = 1, listed = 0; number <= count; number++) {
        if (have.contains(number)) continue;
        if (listed++ == most_listed) {
            missing += " and more";
            break;
        }
        missing += fmt::format("{}{}", missing.empty() ? "" : ", ", number);
    }
    if (missing.empty()) return {};
    return refuse(fmt::format("there is a gap: of {} shards, these are missing: {}", count, missing),
                  "merge needs every shard");
}

Result<JoinedShards> join_shards(const std::vector<FinishedShard>& shards) {
    if (shards.empty()) return refuse("there is nothing to merge");
    JoinedShards joined;
    MEMRIG_TRY(joined.parts, pick_parts(shards, joined.report.notes));
    KernelImages images;
    for (const FinishedShard& shard : shards) MEMRIG_CHECK(images.check(shard));
    joined.plan.name = joined.parts.front()->record.name;
    joined.plan.seed = joined.parts.front()->record.seed;
    joined.plan.text = joined.parts.front()->record.plan;
    const FinishedShard* before = nullptr;
    for (const FinishedShard* part : joined.parts) {
        MEMRIG_CHECK(add_cells(joined.plan, *part, before));
        before = part;
        joined.report.trials += part->record.results.size();
    }
    if (plan_hash(joined.plan) != shards.front().identity.plan_hash)
        return refuse("these shards are not all of their plan: together, their trials are not those of the plan");
    MEMRIG_CHECK(check_left_out(joined.parts));
    note_differences(joined.parts, joined.report.notes);
    joined.report.shards = joined.parts.size();
    return joined;
}

Result<std::vector<fs::path>> finished_shards_in(const fs::path& directory) {
    std::error_code code;
    if (!fs::is_directory(directory / "shards", code)) return std::vector<fs::path>{directory};
    std::map<unsigned, std::vector<fs::path>> by_number;
    for (const auto& shard : fs::directory_iterator(directory / "shards", code)) {
        const std::string name = shard.path().filename().string();
        unsigned number = 0;
        const auto read = std::from_chars(name.data(), name.data() + name.size(), number);
        if (read.ec != std::errc() || read.ptr != name.data() + name.size()) continue;
        std::vector<fs::path> attempts;
        for (const auto& attempt : fs::directory_iterator(shard.path(), code))
            if (fs::exists(attempt.path() / "shard.json", code) &&
                !attempt.path().filename().string().starts_with("damaged"))
                attempts.push_back(attempt.path());
        // The published result first.
        std::ranges::sort(attempts, [](const fs::path& a, const fs::path& b) {
            return std::pair(a.filename() != "result", a) < std::pair(b.filename() != "result", b);
        });
        if (!attempts.empty() && attempts.front().filename() == "result") by_number[number] = attempts;
    }
    std::vector<fs::path> all;
    for (const auto& [number, attempts] : by_number) all.insert(all.end(), attempts.begin(), attempts.end());
    if (all.empty()) return refuse("no shard in " + directory.string() + " has a result yet");
    return all;
}

}  // namespace memrig
