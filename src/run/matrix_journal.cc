#include "run/matrix_journal.h"

#include <algorithm>
#include <array>

#include "run/trial_json.h"

namespace memrig {

namespace {

constexpr std::array kOutcomes = {CellOutcome::killed, CellOutcome::survived, CellOutcome::inconclusive,
                                  CellOutcome::skipped, CellOutcome::rig_fault};

nlohmann::json cell_json(std::size_t number, const MatrixCell& cell) {
    auto trials = nlohmann::json::array();
    for (const TrialResult& trial : cell.trials) {
        TrialOutcome outcome;
        outcome.result = trial;
        trials.push_back(outcome_json(outcome));
    }
    return {{"cell", number},
            {"outcome", to_string(cell.outcome)},
            {"oracle", cell.oracle},
            {"reason", cell.reason},
            {"trials", std::move(trials)}};
}

Status read_cell(const nlohmann::json& json, const std::string& where, MatrixCell& cell) {
    const auto damaged = [&] { return fail(Fault::user_input, "{} is damaged", where); };
    const auto text = [&](const char* key) {
        return json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : "";
    };
    const auto outcome = std::ranges::find(kOutcomes, text("outcome"), [](CellOutcome one) { return to_string(one); });
    if (outcome == kOutcomes.end() || !json.contains("trials") || !json["trials"].is_array()) return damaged();
    cell.outcome = *outcome;
    cell.oracle = text("oracle");
    cell.reason = text("reason");
    for (const auto& trial : json["trials"]) {
        MEMRIG_TRY(TrialOutcome read, read_outcome(line_of(trial), where));
        cell.verdict = read.result.verdict;
        cell.trials.push_back(std::move(read.result));
    }
    return {};
}

}  // namespace

MatrixJournal::MatrixJournal(const fs::path& out, const std::string& identity)
    : journal_(out / "cells.jsonl"), head_(line_of({{"schema", 1}, {"identity", identity}})) {}

Status MatrixJournal::start(bool resume, bool keeps_rig_faults, const std::vector<MatrixCell*>& cells) {
    MEMRIG_TRY(const auto lines,
               journal_.start(head_, resume, "another choice of kernels, mutants and scenarios, seed or memrig"));
    for (std::size_t i = 0; i < lines.size(); i++) {
        const std::string where = fmt::format("{}, line {},", journal_.path().string(), i + 2);
        const auto json = nlohmann::json::parse(lines[i], nullptr, false);
        const bool numbered = json.is_object() && json.contains("cell") && json["cell"].is_number_unsigned();
        const std::size_t number = numbered ? json["cell"].get<std::size_t>() : 0;
        if (number == 0 || number > cells.size()) return fail(Fault::user_input, "{} is damaged", where);
        MatrixCell read = *cells[number - 1];
        read.trials.clear();
        MEMRIG_CHECK(read_cell(json, where, read));
        if (read.outcome != CellOutcome::rig_fault || keeps_rig_faults) *cells[number - 1] = std::move(read);
    }
    return {};
}

Status MatrixJournal::append(std::size_t number, const MatrixCell& cell) {
    return journal_.append(line_of(cell_json(number, cell)));
}

}  // namespace memrig
