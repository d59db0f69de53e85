#include "run/exploration.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/assert.h"
#include "base/file.h"
#include "run/trial_json.h"

namespace memrig {

namespace {

constexpr int kJournalSchema = 1;
using Json = nlohmann::json;

std::string line_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace

Exploration::Exploration(fs::path journal, std::string identity, TrialOptions manner, std::vector<std::string> points)
    : journal_(std::move(journal)), identity_(std::move(identity)) {
    summary_.preemptions = manner.preemptions;
    summary_.points = std::move(points);
}

Status Exploration::append(const std::string& text) {
    const Descriptor fd(::open(journal_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!fd.valid()) return fail_errno(Fault::host, "write " + journal_.string());
    if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) || ::fsync(fd.get()) != 0)
        return fail_errno(Fault::host, "write " + journal_.string());
    return {};
}

std::vector<NumberedOrder> Exploration::take_in(const Branches& branches,
                                                const std::vector<std::string>& missing_points) {
    summary_.infeasible += branches.infeasible;
    summary_.points_passed = std::max(summary_.points_passed, branches.points_passed);
    summary_.missing_points = missing_points;
    std::vector<NumberedOrder> fresh;
    for (const auto& order : branches.orders)
        if (known_.insert(text_of(order)).second) fresh.push_back({++last_number_, order});
    summary_.known = known_.size();
    return fresh;
}

Result<Exploration::Start> Exploration::start(bool resume) {
    MEMRIG_ASSERT(last_number_ == 0, "an exploration starts once");
    Start start;
    start.to_play = take_in({{Interleaving()}, 0, 0}, {});
    const std::string head = line_of({{"schema", kJournalSchema}, {"identity", identity_}});
    std::string text;
    std::error_code code;
    if (resume && fs::exists(journal_, code)) {
        MEMRIG_TRY(text, read_file(journal_));
    }
    // The journal is new, or the run was interrupted before the first line was complete: nothing was played.
    if (text.size() < head.size() && head.starts_with(text)) {
        MEMRIG_CHECK(make_directories(journal_.parent_path()));
        MEMRIG_CHECK(write_file(journal_, head));
        return start;
    }
    if (!text.starts_with(head))
        return fail_with({Fault::user_input,
                          fmt::format("{} is of another scenario, kernel, memrig version or bound", journal_.string()),
                          {}},
                         "resume with the options that the run began with, or start a new run with another --out");
    std::size_t at = head.size();
    for (unsigned number = 2;; number++) {
        const std::size_t end = text.find('\n', at);
        if (end == std::string::npos) break;
        const std::string where = fmt::format("{}, line {},", journal_.string(), number);
        MEMRIG_TRY(TrialOutcome outcome, read_outcome(text.substr(at, end - at), where));
        const auto known = std::ranges::find(start.to_play, outcome.result.number, &NumberedOrder::number);
        if (known == start.to_play.end() || known->order != outcome.result.order)
            return fail(Fault::user_input, "{} is damaged: its order was not one of those to be played", where);
        at = end + 1;
        // A rig fault proves nothing about the order, so the order is played again. But the run took its branches in.
        const bool again = outcome.result.verdict == Verdict::rig_fault;
        if (!again) start.to_play.erase(known);
        for (auto& order : take_in(outcome.branches, outcome.missing_points)) start.to_play.push_back(std::move(order));
        if (again) continue;
        start.played.push_back(std::move(outcome.result));
    }
    // The trial of a last line that was cut off is played again. The rest of that line is removed before more is
    // appended.
    if (at < text.size()) fs::resize_file(journal_, at, code);
    if (code) return fail(Fault::host, "cannot write {}: {}", journal_.string(), code.message());
    return start;
}

Result<std::vector<NumberedOrder>> Exploration::played(const TrialOutcome& outcome) {
    MEMRIG_ASSERT(outcome.result.number >= 1 && outcome.result.number <= last_number_,
                  "the order has got its number here");
    MEMRIG_ASSERT(known_.contains(text_of(outcome.result.order)), "the order was to be played");
    MEMRIG_CHECK(append(line_of(outcome_json(outcome))));
    return take_in(outcome.branches, outcome.missing_points);
}

}  // namespace memrig
