#include "campaign/exploration.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "base/file.h"
#include "campaign/trial_json.h"

namespace memrig {

namespace {

constexpr int kJournalSchema = 1;
using Json = nlohmann::json;

Json branches_json(const Branches& branches) {
    Json orders = Json::array();
    for (const auto& order : branches.orders) orders.push_back(order_json(order));
    return {
        {"orders", std::move(orders)}, {"infeasible", branches.infeasible}, {"points_passed", branches.points_passed}};
}

Result<Branches> branches_from_json(const Json& json) {
    Branches branches;
    branches.infeasible = json.value("infeasible", std::size_t{0});
    branches.points_passed = json.value("points_passed", std::size_t{0});
    for (const auto& order : json.value("orders", Json::array())) {
        MEMRIG_TRY(auto read, order_from_json(order));
        branches.orders.push_back(std::move(read));
    }
    return branches;
}

}  // namespace

Exploration::Exploration(fs::path journal, std::string identity, TrialManner manner, std::vector<std::string> points)
    : journal_(std::move(journal)), identity_(std::move(identity)) {
    summary_.preemptions = manner.preemptions;
    summary_.points = std::move(points);
}

Status Exploration::append(const Json& line) {
    const std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
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
    Start start;
    start.to_play = take_in({{Interleaving()}, 0, 0}, {});
    std::error_code code;
    if (!resume || !fs::exists(journal_, code)) {
        MEMRIG_CHECK(make_directories(journal_.parent_path()));
        MEMRIG_CHECK(append({{"schema", kJournalSchema}, {"identity", identity_}}));
        return start;
    }
    MEMRIG_TRY(const std::string text, read_file(journal_));
    std::istringstream lines(text);
    std::string line;
    std::getline(lines, line);
    const Json head = Json::parse(line, nullptr, false);
    if (!head.is_object() || head.value("schema", 0) != kJournalSchema || head.value("identity", "") != identity_)
        return fail_with({Fault::user_input,
                          fmt::format("{} is of another scenario, kernel, memrig or bound", journal_.string()),
                          {}},
                         "resume with the options that the run began with, or begin anew in another --out");
    while (std::getline(lines, line)) {
        const Json entry = Json::parse(line, nullptr, false);
        if (!entry.is_object()) break;  // the last one, cut off
        MEMRIG_TRY(TrialResult result, verdict_from_json(entry.value("trial", Json::object())));
        result.directory = entry.value("directory", "");
        MEMRIG_TRY(const Branches branches, branches_from_json(entry.value("branches", Json::object())));
        std::erase_if(start.to_play, [&](const NumberedOrder& order) { return order.number == result.number; });
        for (auto& order : take_in(branches, entry.value("missing_points", std::vector<std::string>())))
            start.to_play.push_back(std::move(order));
        start.played.push_back(std::move(result));
    }
    // A child may stand before its parent where two jobs wrote, so played ones are taken out once more.
    std::erase_if(start.to_play, [&](const NumberedOrder& order) {
        return std::ranges::find(start.played, order.number, &TrialResult::number) != start.played.end();
    });
    return start;
}

Result<std::vector<NumberedOrder>> Exploration::played(const TrialOutcome& outcome) {
    MEMRIG_CHECK(append({{"trial", verdict_json(outcome.result)},
                         {"directory", outcome.result.directory.generic_string()},
                         {"missing_points", outcome.missing_points},
                         {"branches", branches_json(outcome.branches)}}));
    return take_in(outcome.branches, outcome.missing_points);
}

}  // namespace memrig
