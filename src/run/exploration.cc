#include "run/exploration.h"

#include <algorithm>

#include "base/assert.h"
#include "run/trial_json.h"

namespace memrig {

namespace {

constexpr int kJournalSchema = 1;
using Json = nlohmann::json;

}  // namespace

Exploration::Exploration(fs::path journal, std::string identity, TrialOptions manner, std::vector<std::string> points)
    : journal_(std::move(journal)), identity_(std::move(identity)) {
    summary_.preemptions = manner.preemptions;
    summary_.points = std::move(points);
}

std::vector<NumberedOrder> Exploration::take_in(const Branches& branches,
                                                const std::vector<std::string>& missing_points) {
    summary_.infeasible += branches.infeasible;
    summary_.points_passed = std::max(summary_.points_passed, branches.points_passed);
    summary_.missing_points = missing_points;
    std::vector<NumberedOrder> fresh;
    for (const auto& order : branches.orders) {
        if (!is_own(order) || !known_.insert(text_of(order)).second) continue;
        fresh.push_back({++last_number_, order});
        if (order.size() == 1) subtrees_.push_back(text_of(order));
    }
    summary_.known = known_.size();
    return fresh;
}

bool Exploration::is_own(const Interleaving& order) const {
    return !own_ || order.empty() || own_->contains(text_of(Interleaving{order.front()}));
}

void Exploration::restrict_to(UnitRange own) {
    MEMRIG_ASSERT(!own_ && own.begin <= own.end && own.end <= subtrees_.size(), "these are some of the subtrees");
    const auto begin = subtrees_.begin();
    own_.emplace(begin + static_cast<std::ptrdiff_t>(own.begin), begin + static_cast<std::ptrdiff_t>(own.end));
    for (const auto& subtree : subtrees_)
        if (!own_->contains(subtree)) known_.erase(subtree);
    summary_.known = known_.size();
}

Result<Exploration::Start> Exploration::start(bool resume, bool keeps_rig_faults) {
    MEMRIG_ASSERT(last_number_ == 0, "an exploration starts once");
    Start start;
    start.to_play = take_in({{Interleaving()}, 0, 0}, {});
    const Json head = {{"schema", kJournalSchema}, {"identity", identity_}};
    MEMRIG_TRY(const auto lines,
               journal_.start(line_of(head), resume, "another scenario, kernel, memrig version or bound"));
    for (std::size_t i = 0; i < lines.size(); i++) {
        const std::string where = fmt::format("{}, line {},", journal_.path().string(), i + 2);
        MEMRIG_TRY(TrialOutcome outcome, read_outcome(lines[i], where));
        const auto known = std::ranges::find(start.to_play, outcome.result.number, &NumberedOrder::number);
        if (known == start.to_play.end() || known->order != outcome.result.order)
            return fail(Fault::user_input, "{} is damaged: its order was not one of those to be played", where);
        // A rig fault proves nothing about the order, so the order is played again. But the run took its branches in.
        const bool again = outcome.result.verdict == Verdict::rig_fault && !keeps_rig_faults;
        if (!again) start.to_play.erase(known);
        for (auto& order : take_in(outcome.branches, outcome.missing_points)) start.to_play.push_back(std::move(order));
        if (again) continue;
        start.played.push_back(std::move(outcome.result));
    }
    return start;
}

Result<std::vector<NumberedOrder>> Exploration::played(const TrialOutcome& outcome) {
    MEMRIG_ASSERT(outcome.result.number >= 1 && outcome.result.number <= last_number_,
                  "the order has got its number here");
    MEMRIG_ASSERT(known_.contains(text_of(outcome.result.order)), "the order was to be played");
    MEMRIG_CHECK(journal_.append(line_of(outcome_json(outcome))));
    return take_in(outcome.branches, outcome.missing_points);
}

}  // namespace memrig
