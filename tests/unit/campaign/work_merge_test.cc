// Work other than a campaign: shards of explorations and of numbered units, joined into what one machine leaves.
#include "campaign/work_merge.h"

#include <algorithm>
#include <deque>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "campaign/work.h"
#include "run/exploration.h"
#include "run/trial_json.h"

namespace memrig {
namespace {

using ::testing::HasSubstr;

constexpr const char* kMemrig = "0.2.0+1a2b3c4d5e6f";
const std::vector<std::string> kWords = {"run", "--mode=explore"};

// As a guest would show it: the first order has five branches; the nth of them has n - 1 branches, and so on.
std::vector<Interleaving> branches_of(const Interleaving& order) {
    std::vector<Interleaving> branches;
    const unsigned most = order.empty() ? 5 : order.back().nth - 1;
    for (unsigned nth = 1; nth <= most; nth++) {
        branches.push_back(order);
        branches.back().push_back({"adder", "device_add", nth, order.size() % 2 == 0 ? "onliner" : "adder", false});
    }
    return branches;
}

class SharedWork : public ::testing::Test {
protected:
    [[nodiscard]] fs::path submitted() const { return directory.path() / "submitted"; }
    [[nodiscard]] fs::path result(unsigned shard) const {
        return submitted() / "shards" / std::to_string(shard) / "result";
    }
    // A trial with its evidence.
    TrialOutcome play(const NumberedOrder& next, const fs::path& out) const {
        TrialOutcome outcome;
        outcome.result.number = next.number;
        outcome.result.order = next.order;
        outcome.result.verdict = text_of(next.order) == broken ? Verdict::deadlock : Verdict::held;
        outcome.result.reason = text_of(next.order);
        outcome.result.directory = fmt::format("race/control/{:04}", next.number);
        outcome.branches = {branches_of(next.order), 1, next.number};
        const nlohmann::json recipe = {{"number", next.number}, {"order", text_of(next.order)}};
        EXPECT_TRUE(make_directories(out / outcome.result.directory));
        EXPECT_TRUE(write_file(out / outcome.result.directory / "trial.json", recipe.dump()));
        return outcome;
    }
    // Plays as `run --mode explore` does, with one job. Returns the journal.
    std::string explore(const fs::path& out, const Portion& portion) const {
        Exploration exploration(out / kJournal, "an arm", TrialOptions{}, {"device_add"});
        const auto start = exploration.start(true);
        EXPECT_TRUE(start) << start.error().line();
        if (portion.kind == Portion::Kind::shard)
            exploration.restrict_to(units_of(portion.shard, exploration.subtrees()));
        std::deque<NumberedOrder> queue(start->to_play.begin(), start->to_play.end());
        for (; !queue.empty(); queue.pop_front()) {
            if (!exploration.is_own(queue.front().order)) continue;
            const auto fresh = exploration.played(play(queue.front(), out));
            EXPECT_TRUE(fresh);
            if (portion.kind == Portion::Kind::opening) break;
            queue.insert(queue.end(), fresh->begin(), fresh->end());
        }
        return *read_file(out / kJournal);
    }
    void submit(unsigned shards, std::uint64_t units, const fs::path& journal = kJournal) {
        hash = work_hash(kWords, {{journal.string(), *hash_file(opening_of(submitted()) / journal)}});
        ASSERT_TRUE(seal_work(opening_of(submitted()), {{1, 1}, hash, kMemrig},
                              {units, units, 0, 0, {{"k", "image"}}, {journal}, {}}));
        const nlohmann::json record = {{"schema", 1},       {"name", "explore"},       {"job_name", "memrig-explore-1"},
                                       {"plan_hash", hash}, {"memrig", kMemrig},       {"shards", shards},
                                       {"trials", units},   {"jobs", {"17"}},          {"unit", "order"},
                                       {"command", kWords}, {"working_directory", "/"}};
        ASSERT_TRUE(write_file(submitted() / "submission.json", record.dump()));
    }
    void seal(const fs::path& where, Shard shard, const std::string& image = "image",
              const std::string& memrig = kMemrig, const fs::path& journal = kJournal) {
        ASSERT_TRUE(seal_work(where, {shard, hash, memrig}, {5, 1, 1, 0, {{"k", image}}, {journal}, {}}));
    }
    // Plays the opening and all shards.
    void explore_in_shards(unsigned count) {
        std::error_code code;
        fs::remove_all(submitted(), code);
        const std::string opened = explore(opening_of(submitted()), {Portion::Kind::opening, {}});
        submit(count, 5);
        for (unsigned number = 1; number <= count; number++) explore_shard({number, count}, result(number), opened);
    }
    void explore_shard(Shard shard, const fs::path& where, const std::string& opened) {
        ASSERT_TRUE(make_directories((where / kJournal).parent_path()));
        ASSERT_TRUE(write_file(where / kJournal, opened));
        explore(where, {Portion::Kind::shard, shard});
        seal(where, shard);
    }
    std::string opened() const { return *read_file(opening_of(submitted()) / kJournal); }
    Result<MergeReport> merge() {
        std::error_code code;
        fs::remove_all(merged, code);
        return merge_work(submitted(), merged);
    }
    void refused(const std::vector<std::string>& words) {
        const auto report = merge();
        ASSERT_FALSE(report) << words.front();
        EXPECT_EQ(report.error().fault, Fault::user_input);
        for (const auto& word : words) EXPECT_THAT(report.error().message, HasSubstr(word));
        EXPECT_FALSE(fs::exists(merged));
    }

    static constexpr const char* kJournal = "race/control/explored.jsonl";
    TemporaryDirectory directory = std::move(*TemporaryDirectory::make("memrig-test"));
    fs::path merged = directory.path() / "merged";
    std::string hash;
    std::string broken = "no order";  // the order that deadlocks
};

TEST_F(SharedWork, AnExplorationIsTheSameInAnyNumberOfShards) {
    broken = text_of(branches_of(branches_of({})[4])[2]);
    const fs::path alone = directory.path() / "alone";
    const std::string whole = explore(alone, {});
    EXPECT_EQ(std::ranges::count(whole, '\n'), 1 + 32) << "the head, and each order once";
    EXPECT_THAT(whole, HasSubstr("deadlock"));
    for (unsigned count = 1; count <= 5; count++) {
        explore_in_shards(count);
        const auto report = merge();
        ASSERT_TRUE(report) << report.error().line();
        EXPECT_EQ(report->shards, count);
        EXPECT_TRUE(report->notes.empty());
        // points_passed is the number of the order as its own machine counted it.
        const auto plain = [](const std::string& text) {
            std::vector<std::string> lines;
            for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
                auto json = nlohmann::json::parse(text.substr(at, end - at));
                if (json.contains("branches")) json["branches"].erase("points_passed");
                lines.push_back(json.dump());
            }
            return lines;
        };
        EXPECT_EQ(plain(*read_file(merged / kJournal)), plain(whole)) << count << " shards";
        for (unsigned number = 1; number <= 32; number++) {
            const fs::path trial = fmt::format("race/control/{:04}/trial.json", number);
            EXPECT_EQ(nlohmann::json::parse(*read_file(merged / trial)),
                      nlohmann::json::parse(*read_file(alone / trial)))
                << "the evidence is that of this order";
        }
    }
}

TEST_F(SharedWork, GapsAndOverlapsAreRefused) {
    explore_in_shards(3);
    std::error_code code;
    fs::rename(result(2), directory.path() / "away", code);
    refused({"there is a gap: of 3 shards, these are missing: 2"});
    fs::rename(directory.path() / "away", result(2), code);
    const std::string good = *read_file(result(2) / kJournal);
    const std::size_t last = good.rfind('\n', good.size() - 2);
    ASSERT_TRUE(write_file(result(2) / kJournal, good.substr(0, last + 1)));
    refused({result(2).string(), "is damaged: it is not the file that the shard's run left"});
    seal(result(2), {2, 3});
    refused({"there is a gap: the order ", "has no result"});
    const std::string other = *read_file(result(3) / kJournal);
    ASSERT_TRUE(write_file(result(2) / kJournal, good + other.substr(other.rfind('\n', other.size() - 2) + 1)));
    seal(result(2), {2, 3});
    refused({"overlap: both have order", result(2).string(), result(3).string()});
}

TEST_F(SharedWork, OtherWorkOtherBuildsAndOtherKernelsAreRefused) {
    explore_in_shards(2);
    seal(result(1), {1, 2}, "another image");
    refused({"the image of kernel k differs", result(1).string()});
    seal(result(1), {1, 2}, "image", "0.2.0+0123456789ab");
    refused({"was run by memrig 0.2.0+0123456789ab", "submitted by memrig 0.2.0+1a2b3c4d5e6f", result(1).string()});
    seal(result(1), {1, 3});
    refused({"overlaps the others: this work has 2 shards"});
    const std::string kept = std::exchange(hash, std::string(32, '0'));
    seal(result(1), {1, 2});
    refused({"is of other work", result(1).string()});
    hash = kept;
    seal(result(1), {1, 2});
    EXPECT_TRUE(merge());
    ASSERT_TRUE(write_file(opening_of(submitted()) / kJournal, "{}\n"));
    refused({(opening_of(submitted()) / kJournal).string() + " is damaged"});
}

TEST_F(SharedWork, TwoAttemptsAreComparedAndOneCounts) {
    explore_in_shards(2);
    const fs::path second = submitted() / "shards/1/attempt-node2";
    explore_shard({1, 2}, second, opened());
    auto report = merge();
    ASSERT_TRUE(report) << report.error().line();
    ASSERT_EQ(report->notes.size(), 1u);
    EXPECT_THAT(report->notes[0], HasSubstr("shard 1/2 was run twice"));
    std::error_code code;
    fs::remove_all(second, code);
    broken = text_of(branches_of({})[0]);
    explore_shard({1, 2}, second, opened());
    report = merge();
    ASSERT_TRUE(report) << report.error().line();
    ASSERT_EQ(report->notes.size(), 2u);
    EXPECT_THAT(report->notes[1], HasSubstr("held in the attempt that counts, and deadlock in " + second.string()));
}

TEST_F(SharedWork, NumberedUnitsAreJoinedInTheirOrder) {
    const std::string head = "{\"schema\":1}\n";
    const fs::path journal = "results.jsonl";
    const auto line = [&](unsigned number, const fs::path& where) {
        TrialOutcome outcome = play({number, {}}, where);
        outcome.result.directory = fmt::format("race/control/{:04}", number);
        return line_of({{"case", number}, {"outcome", outcome_json(outcome)}}) + "\n";
    };
    ASSERT_TRUE(make_directories(opening_of(submitted())));
    ASSERT_TRUE(write_file(opening_of(submitted()) / journal, head));
    submit(2, 5, journal);
    const auto shard = [&](unsigned number, const std::vector<unsigned>& cases, const std::string& more = "") {
        std::string text = head;
        for (const unsigned one : cases) text += line(one, result(number));
        ASSERT_TRUE(write_file(result(number) / journal, text + more));
        seal(result(number), {number, 2}, "image", kMemrig, journal);
    };
    shard(1, {2, 1});
    shard(2, {5, 3}, "{\"case\":4,\"not_played\":\"this kernel has no such call\"}\n");
    const auto report = merge();
    ASSERT_TRUE(report) << report.error().line();
    const std::string text = *read_file(merged / journal);
    std::size_t at = 0;
    for (const unsigned number : {1u, 2u, 3u, 4u, 5u}) {
        const std::size_t next = text.find(fmt::format("\"case\":{},", number));
        EXPECT_GT(next, at);
        at = next;
    }
    EXPECT_TRUE(fs::exists(merged / "race/control/0005/trial.json"));
    shard(2, {5, 3});
    refused({"there is a gap: unit 4 of 5 has no result"});
    shard(1, {1, 2, 3});
    refused({"overlap: both have case 3"});
    shard(2, {4, 5});
    refused({result(1).string(), "overlaps another shard: it has case 3"});
}

}  // namespace
}  // namespace memrig
