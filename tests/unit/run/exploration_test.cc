// Explore mode's book-keeping: numbers, no order twice, and a journal by which a run that was broken off at any byte
// goes on.
#include "run/exploration.h"

#include <algorithm>
#include <deque>

#include <gtest/gtest.h>

#include "base/file.h"

namespace memrig {
namespace {

constexpr const char* kIdentity = "one scenario on one kernel";

Switch preemption(const std::string& at, unsigned nth, const std::string& to = "onliner") {
    return {"adder", at, nth, to, false};
}

class ExplorationTest : public ::testing::Test {
protected:
    [[nodiscard]] Exploration make(const std::string& identity = kIdentity) const {
        return Exploration(journal, identity, TrialOptions{}, {"device_add"});
    }
    static TrialOutcome outcome(const NumberedOrder& of, std::vector<Interleaving> branches) {
        TrialOutcome outcome;
        outcome.result.number = of.number;
        outcome.result.order = of.order;
        outcome.result.verdict = Verdict::held;
        outcome.result.reason = "no oracle objects";
        outcome.result.as_expected = true;
        outcome.result.directory = fmt::format("control/{:04}", of.number);
        outcome.branches = {std::move(branches), 3, 10 + of.number};
        outcome.missing_points = {"memory_notify"};
        return outcome;
    }
    // As a guest would show it: each order has two children, down to two switches.
    static TrialOutcome play(const NumberedOrder& of) {
        std::vector<Interleaving> branches;
        for (unsigned nth = 1; nth <= 2 && of.order.size() < 2; nth++) {
            branches.push_back(of.order);
            branches.back().push_back(preemption("device_add", nth, of.order.empty() ? "onliner" : "adder"));
        }
        return outcome(of, branches);
    }
    // Plays all that there is to play, at most `most`; returns what was played.
    static std::vector<std::string> play_out(Exploration& exploration, const Exploration::Start& start,
                                             std::size_t most = 1000) {
        std::vector<std::string> played;
        std::deque<NumberedOrder> queue(start.to_play.begin(), start.to_play.end());
        while (!queue.empty() && played.size() < most) {
            const NumberedOrder next = queue.front();
            queue.pop_front();
            played.push_back(fmt::format("{} {}", next.number, text_of(next.order)));
            const auto fresh = exploration.played(play(next));
            if (!fresh) ADD_FAILURE() << fresh.error().message;
            else queue.insert(queue.end(), fresh->begin(), fresh->end());
        }
        return played;
    }
    std::vector<std::string> whole_run() const {
        Exploration exploration = make();
        const auto start = exploration.start(false);
        EXPECT_TRUE(start);
        return play_out(exploration, *start);
    }
    void expect_refused(const std::string& words, const std::string& identity = kIdentity) const {
        Exploration exploration = make(identity);
        const auto start = exploration.start(true);
        ASSERT_FALSE(start);
        EXPECT_EQ(start.error().fault, Fault::user_input);
        EXPECT_NE(start.error().message.find(journal.string()), std::string::npos) << start.error().message;
        EXPECT_NE(start.error().message.find(words), std::string::npos) << start.error().message;
    }

    TemporaryDirectory directory = std::move(*TemporaryDirectory::make("memrig-test"));
    fs::path journal = directory.path() / "race" / "control" / "explored.jsonl";
};

TEST_F(ExplorationTest, BeginsWithTheOrderWithoutSwitches) {
    Exploration exploration = make();
    const auto start = exploration.start(false);
    ASSERT_TRUE(start);
    ASSERT_EQ(start->to_play.size(), 1u);
    EXPECT_EQ(start->to_play[0].number, 1u);
    EXPECT_TRUE(start->to_play[0].order.empty());
    EXPECT_TRUE(start->played.empty());
    EXPECT_EQ(exploration.summary().known, 1u);
    EXPECT_EQ(exploration.summary().preemptions, 2u);
    EXPECT_EQ(exploration.summary().points, std::vector<std::string>{"device_add"});
}

TEST_F(ExplorationTest, NumbersNewOrdersInTheirOrder) {
    Exploration exploration = make();
    const auto start = exploration.start(false);
    const auto fresh =
        exploration.played(outcome(start->to_play[0], {{preemption("device_add", 1)}, {preemption("device_add", 2)}}));
    ASSERT_TRUE(fresh);
    ASSERT_EQ(fresh->size(), 2u);
    EXPECT_EQ((*fresh)[0].number, 2u);
    EXPECT_EQ((*fresh)[0].order, Interleaving{preemption("device_add", 1)});
    EXPECT_EQ((*fresh)[1].number, 3u);
}

TEST_F(ExplorationTest, NoOrderTwice) {
    Exploration exploration = make();
    const auto start = exploration.start(false);
    const Interleaving again = {preemption("device_add", 1)};
    const auto first = exploration.played(outcome(start->to_play[0], {again, again, {}}));
    ASSERT_EQ(first->size(), 1u);
    const auto second = exploration.played(outcome((*first)[0], {again, {preemption("device_add", 2)}}));
    ASSERT_EQ(second->size(), 1u);
    EXPECT_EQ((*second)[0].number, 3u) << "no number is passed over";
    EXPECT_EQ(exploration.summary().known, 3u);
}

TEST_F(ExplorationTest, OrdersThatDifferAreTwo) {
    Exploration exploration = make();
    const auto start = exploration.start(false);
    std::vector<Interleaving> orders;
    for (const unsigned nth : {1u, 2u, 11u})
        for (const bool forced : {false, true})
            for (const auto* to : {"onliner", "reader"})
                for (const auto* at : {"blocked mem_hotplug_lock", "finished"})
                    orders.push_back({{"adder", at, nth, to, forced}});
    const auto fresh = exploration.played(outcome(start->to_play[0], orders));
    EXPECT_EQ(fresh->size(), orders.size());
}

TEST_F(ExplorationTest, TheSummaryAddsUp) {
    Exploration exploration = make();
    const auto start = exploration.start(false);
    const std::size_t played = play_out(exploration, *start).size();
    EXPECT_EQ(played, 1u + 2 + 4);
    const ExploreSummary& summary = exploration.summary();
    EXPECT_EQ(summary.known, played);
    EXPECT_EQ(summary.infeasible, 3 * played);
    EXPECT_EQ(summary.points_passed, 10 + played) << "the most of any order";
    EXPECT_EQ(summary.missing_points, std::vector<std::string>{"memory_notify"});
    EXPECT_FALSE(summary.stopped_at_first);
    exploration.stop_at_first();
    EXPECT_TRUE(exploration.summary().stopped_at_first);
}

TEST_F(ExplorationTest, ASubtreeIsPlayedWithoutTheOthers) {
    std::vector<std::string> whole = whole_run();
    std::vector<std::string> parts = {whole.front()};
    const std::string root = [&] {
        const std::string text = *read_file(journal);
        return text.substr(0, text.find('\n', text.find('\n') + 1) + 1);
    }();
    for (const std::uint64_t own : {std::uint64_t{0}, std::uint64_t{1}}) {
        ASSERT_TRUE(write_file(journal, root));
        Exploration exploration = make();
        auto start = exploration.start(true);
        ASSERT_TRUE(start) << start.error().message;
        EXPECT_EQ(exploration.subtrees(), 2u);
        exploration.restrict_to({own, own + 1});
        EXPECT_EQ(exploration.summary().known, 2u) << "the first order, and its own branch";
        std::erase_if(start->to_play, [&](const auto& order) { return !exploration.is_own(order.order); });
        ASSERT_EQ(start->to_play.size(), 1u);
        EXPECT_EQ(start->to_play[0].number, 2 + own) << "no number is given twice";
        const auto played = play_out(exploration, *start);
        EXPECT_EQ(exploration.summary().known, 1 + played.size());
        parts.insert(parts.end(), played.begin(), played.end());
    }
    // The numbers differ, and a merge gives new ones.
    const auto without_number = [](std::string& line) { line.erase(0, line.find(' ')); };
    std::ranges::for_each(whole, without_number);
    std::ranges::for_each(parts, without_number);
    EXPECT_TRUE(std::ranges::is_permutation(whole, parts));
}

TEST_F(ExplorationTest, ARigFaultIsAResultIfNothingIsPlayed) {
    Exploration exploration = make();
    const auto start = exploration.start(false);
    TrialOutcome broken = outcome(start->to_play[0], {});
    broken.result.verdict = Verdict::rig_fault;
    ASSERT_TRUE(exploration.played(broken));
    Exploration read = make();
    const auto rest = read.start(true, true);
    ASSERT_TRUE(rest);
    EXPECT_TRUE(rest->to_play.empty());
    EXPECT_EQ(rest->played.size(), 1u);
}

// --- the journal

TEST_F(ExplorationTest, EachTrialIsALineOfTheJournal) {
    Exploration exploration = make();
    const auto start = exploration.start(false);
    const auto lines = [&] { return std::ranges::count(*read_file(journal), '\n'); };
    EXPECT_EQ(lines(), 1);
    const auto fresh = exploration.played(play(start->to_play[0]));
    EXPECT_EQ(lines(), 2) << "before it is told of";
    ASSERT_TRUE(exploration.played(play((*fresh)[0])));
    EXPECT_EQ(lines(), 3);
}

TEST_F(ExplorationTest, ARunThatWasWholeHasNothingToResume) {
    const auto played = whole_run();
    Exploration exploration = make();
    const auto start = exploration.start(true);
    ASSERT_TRUE(start);
    EXPECT_TRUE(start->to_play.empty());
    ASSERT_EQ(start->played.size(), played.size());
    EXPECT_EQ(start->played[4].number, 5u);
    EXPECT_EQ(start->played[4].verdict, Verdict::held);
    EXPECT_EQ(start->played[4].directory, "control/0005");
    EXPECT_EQ(exploration.summary().known, played.size());
    EXPECT_EQ(exploration.summary().infeasible, 3 * played.size());
}

TEST_F(ExplorationTest, ResumingWhatNeverBeganBegins) {
    Exploration exploration = make();
    const auto start = exploration.start(true);
    ASSERT_TRUE(start);
    EXPECT_EQ(start->to_play.size(), 1u);
    EXPECT_TRUE(fs::exists(journal));
}

TEST_F(ExplorationTest, GoesOnBehindAnyByte) {
    const auto whole = whole_run();
    const std::string text = *read_file(journal);
    constexpr std::size_t stride = 17;
    for (std::size_t cut = 0; cut <= text.size(); cut += stride) {
        ASSERT_TRUE(write_file(journal, text.substr(0, cut)));
        Exploration exploration = make();
        const auto start = exploration.start(true);
        ASSERT_TRUE(start) << "cut at " << cut << ": " << start.error().message;
        const auto lines = static_cast<std::size_t>(std::ranges::count(text.substr(0, cut), '\n'));
        EXPECT_EQ(start->played.size(), lines == 0 ? 0 : lines - 1) << "cut at " << cut;
        // A part of the rest, and then all of it, from the journal that the part left.
        auto played = play_out(exploration, *start, 3);
        for (const auto& result : start->played)
            played.push_back(fmt::format("{} {}", result.number, text_of(result.order)));
        Exploration third = make();
        const auto rest = third.start(true);
        ASSERT_TRUE(rest) << "cut at " << cut << ": " << rest.error().message;
        EXPECT_EQ(rest->played.size(), played.size()) << "cut at " << cut;
        const auto last = play_out(third, *rest);
        played.insert(played.end(), last.begin(), last.end());
        std::ranges::sort(played);
        auto all = whole;
        std::ranges::sort(all);
        EXPECT_EQ(played, all) << "cut at " << cut;
        EXPECT_EQ(third.summary().known, whole.size());
    }
}

TEST_F(ExplorationTest, ALineThatLacksOnlyItsEndIsPlayedAgain) {
    Exploration exploration = make();
    const auto start = exploration.start(false);
    ASSERT_TRUE(exploration.played(play(start->to_play[0])));
    const std::string text = *read_file(journal);
    ASSERT_TRUE(write_file(journal, text.substr(0, text.size() - 1)));
    Exploration resumed = make();
    const auto rest = resumed.start(true);
    ASSERT_TRUE(rest);
    EXPECT_TRUE(rest->played.empty());
    ASSERT_TRUE(resumed.played(play(rest->to_play[0])));
    EXPECT_EQ(*read_file(journal), text) << "nothing is left of the first";
}

TEST_F(ExplorationTest, AnOrderThatEndedInARigFaultIsPlayedAgain) {
    Exploration exploration = make();
    const auto start = exploration.start(false);
    TrialOutcome broken = outcome(start->to_play[0], {});
    broken.result.verdict = Verdict::rig_fault;
    ASSERT_TRUE(exploration.played(broken));
    Exploration resumed = make();
    const auto rest = resumed.start(true);
    ASSERT_TRUE(rest);
    EXPECT_TRUE(rest->played.empty());
    ASSERT_EQ(rest->to_play.size(), 1u);
    ASSERT_TRUE(resumed.played(play(rest->to_play[0])));
    Exploration third = make();
    const auto last = third.start(true);
    ASSERT_TRUE(last) << last.error().message;
    EXPECT_EQ(last->played.size(), 1u);
    EXPECT_EQ(last->to_play.size(), 2u);
}

// The run went on with the branches that the broken order had shown.
TEST_F(ExplorationTest, TheBranchesOfARigFaultAreKept) {
    Exploration exploration = make();
    const auto start = exploration.start(false);
    TrialOutcome broken = play(start->to_play[0]);
    broken.result.verdict = Verdict::rig_fault;
    const auto fresh = exploration.played(broken);
    ASSERT_EQ(fresh->size(), 2u);
    ASSERT_TRUE(exploration.played(play((*fresh)[0])));
    Exploration resumed = make();
    const auto rest = resumed.start(true);
    ASSERT_TRUE(rest) << rest.error().message;
    ASSERT_EQ(rest->played.size(), 1u);
    EXPECT_EQ(rest->played[0].number, 2u);
    std::vector<unsigned> numbers;
    for (const auto& order : rest->to_play) numbers.push_back(order.number);
    EXPECT_EQ(numbers, (std::vector<unsigned>{1, 3, 4, 5})) << "the broken one is played again";
    play_out(resumed, *rest);
    EXPECT_EQ(resumed.summary().known, 7u);
    Exploration third = make();
    const auto last = third.start(true);
    ASSERT_TRUE(last) << last.error().message;
    EXPECT_TRUE(last->to_play.empty());
    EXPECT_EQ(last->played.size(), 7u);
}

TEST_F(ExplorationTest, AnothersJournalIsRefusedAndKept) {
    whole_run();
    const std::string text = *read_file(journal);
    expect_refused("is of another scenario", "another scenario");
    for (const std::string head : {"{\"identity\":\"one sc", "{}\n", "\n", "no JSON\n",
                                   "{\"identity\":\"one scenario on one kernel\",\"schema\":2}\n",
                                   "{\"identity\":7,\"schema\":\"1\"}\n", "[1]\n"}) {
        if (std::string("{\"identity\":\"one scenario").starts_with(head)) continue;  // a beginning of ours
        ASSERT_TRUE(write_file(journal, head));
        expect_refused("is of another scenario");
        EXPECT_EQ(*read_file(journal), head);
    }
    ASSERT_TRUE(write_file(journal, text));
    EXPECT_TRUE(make().start(true));
}

TEST_F(ExplorationTest, ADamagedLineIsRefusedAndNamed) {
    whole_run();
    const std::string text = *read_file(journal);
    const std::size_t second = text.find('\n') + 1, third = text.find('\n', second) + 1;
    const std::string head = text.substr(0, second), line = text.substr(second, third - second);
    const std::string rest = text.substr(third);
    const auto changed = [&](const std::string& from, const std::string& to) {
        std::string other = line;
        const std::size_t at = other.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        return at == std::string::npos ? other : other.replace(at, from.size(), to);
    };
    for (const std::string& bad :
         {std::string("\n"), std::string("7\n"), std::string("null\n"), std::string("[]\n"), std::string("{}\n"),
          line.substr(0, line.size() / 2) + "\n", changed("\"trial\":{", "\"trail\":{"),
          changed("\"orders\":[", "\"orders\":[7,"), changed("\"infeasible\":3", "\"infeasible\":-3"),
          changed("\"infeasible\":3", "\"infeasible\":\"3\""), changed("\"number\":1", "\"number\":0"),
          changed("\"number\":1", "\"number\":2"), changed("\"number\":1", "\"number\":4294967297"),
          changed("\"order\":[]", "\"order\":{}"), changed("\"verdict\":\"held\"", "\"verdict\":\"fine\""),
          changed("\"missing_points\":[", "\"missing_points\":[1,"), changed("\"nth\":1", "\"nth\":1.5"),
          changed("\"directory\":\"", "\"directory\":3,\"was\":\"")}) {
        ASSERT_TRUE(write_file(journal, head + bad + rest));
        expect_refused("line 2, is damaged");
        EXPECT_EQ(*read_file(journal), head + bad + rest) << "it is kept as it is";
    }
    ASSERT_TRUE(write_file(journal, head + line + line + rest));
    expect_refused("line 3, is damaged");
}

}  // namespace
}  // namespace memrig
