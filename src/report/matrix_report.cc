#include "report/matrix_report.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/exit_status.h"
#include "base/json_text.h"

namespace memrig {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kFoldIndent = 8;

std::string cell_text(const MatrixCell& cell) {
    if (cell.breaks_claim()) return fmt::format("{}: CLAIM BROKEN", to_string(cell.outcome));
    if (cell.outcome != CellOutcome::killed || !cell.verdict) return to_string(cell.outcome);
    return fmt::format("{} ({}, trial {})", to_string(*cell.verdict), cell.oracle, cell.trials.size());
}

std::string original_text(const MatrixCell& cell) {
    return cell.outcome == CellOutcome::survived ? "held" : cell_text(cell);
}

bool says_nothing(const MatrixCell& cell) {
    return cell.outcome == CellOutcome::skipped || cell.outcome == CellOutcome::not_run;
}

// Returns whether a cell is as it should be: a mutant is killed, an original is not.
bool is_good(const MatrixCell& cell) {
    if (!cell.mutant.empty()) return cell.outcome == CellOutcome::killed;
    return cell.outcome == CellOutcome::survived || says_nothing(cell);
}

// Returns whether the matrix ended before all cells of a mutant did, and none of the others killed it.
bool is_open(const Matrix& matrix, const SourceMutant& mutant) {
    return !matrix.killed(mutant) && std::ranges::any_of(matrix.cells, [&](const MatrixCell& cell) {
        return cell.mutant == mutant.name && cell.outcome == CellOutcome::not_run;
    });
}

std::string fate(const Matrix& matrix, const SourceMutant& mutant) {
    std::string broken;
    for (const auto& cell : matrix.cells)
        if (cell.mutant == mutant.name && cell.breaks_claim())
            broken += fmt::format("{}{} on {}", broken.empty() ? "" : ", ", cell.scenario, cell.kernel);
    if (matrix.killed(mutant)) {
        if (!broken.empty()) return "killed, but CLAIM BROKEN by " + broken;
        return mutant.equivalent.empty() ? "killed" : "killed, though declared equivalent";
    }
    if (!mutant.equivalent.empty()) return "equivalent: " + mutant.equivalent;
    const bool unclaimed = std::ranges::find(matrix.unclaimed, mutant.name) != matrix.unclaimed.end();
    if (is_open(matrix, mutant)) return "not run";
    return unclaimed ? "NOT KILLED: no scenario claims it" : "NOT KILLED";
}

// Returns whether the mutant is not as it should be: it lives, or a scenario no longer convicts it that claims to.
bool is_bad(const Matrix& matrix, const SourceMutant& mutant) {
    const bool broken = std::ranges::any_of(
        matrix.cells, [&](const MatrixCell& cell) { return cell.mutant == mutant.name && cell.breaks_claim(); });
    return broken || (mutant.equivalent.empty() && !matrix.killed(mutant) && !is_open(matrix, mutant));
}

std::vector<const MatrixCell*> cells_of(const Matrix& matrix, const std::string& mutant) {
    std::vector<const MatrixCell*> cells;
    for (const auto& cell : matrix.cells)
        if (cell.mutant == mutant) cells.push_back(&cell);
    return cells;
}

std::string score_line(const Matrix& matrix) {
    return fmt::format(
        "kill score {} of {}; {}{} of {} of the originals did not hold; {}", matrix.kills(), matrix.to_kill(),
        matrix.broken_claims() == 0 ? "" : counted(matrix.broken_claims(), "claim") + " broken; ",
        matrix.false_positives(), counted(matrix.original_trials(), "trial"), short_time(matrix.seconds));
}

Json cell_json(const MatrixCell& cell) {
    Json json = {{"kernel", cell.kernel},
                 {"mutant", cell.mutant},
                 {"scenario", cell.scenario},
                 {"claimed", cell.claimed},
                 {"outcome", to_string(cell.outcome)},
                 {"verdict", cell.verdict ? to_string(*cell.verdict) : ""},
                 {"oracle", cell.oracle},
                 {"reason", cell.reason},
                 {"as_expected", is_good(cell)}};
    json["trials"] = Json::array();
    for (const auto& trial : cell.trials)
        json["trials"].push_back({{"number", trial.number},
                                  {"verdict", to_string(trial.verdict)},
                                  {"reason", trial.reason},
                                  {"directory", trial.directory.generic_string()}});
    return json;
}

}  // namespace

std::string matrix_text(const Matrix& matrix, const Paint& paint, std::size_t width) {
    std::string out;
    const auto row = [&](const MatrixCell& cell, const std::string& text) {
        return folded(fmt::format("    {:<24} {:<44} {}", one_line(cell.kernel), one_line(cell.scenario), text), width,
                      kFoldIndent);
    };
    for (const auto& mutant : matrix.mutants) {
        const std::string line =
            folded(fmt::format("{:<30} {}", one_line(mutant.name), one_line(fate(matrix, mutant))), width, kFoldIndent);
        out += (is_bad(matrix, mutant) ? paint.bad(line) : matrix.killed(mutant) ? paint.good(line) : line) + "\n";
        for (const MatrixCell* cell : cells_of(matrix, mutant.name)) out += row(*cell, cell_text(*cell)) + "\n";
    }
    out += paint.heading("the originals") + "\n";
    for (const MatrixCell* cell : cells_of(matrix, "")) {
        std::string text = original_text(*cell);
        if (cell->outcome != CellOutcome::survived && !cell->reason.empty()) text += ": " + one_line(cell->reason);
        const std::string line = row(*cell, text);
        out += (is_good(*cell) ? line : paint.bad(line)) + "\n";
    }
    const std::string score = folded(score_line(matrix), width, kFoldIndent);
    return out + "\n" + (matrix.exit_status() == kExitGood ? paint.good(score) : paint.bad(score)) + "\n";
}

std::string matrix_json(const Matrix& matrix) {
    Json json = {{"schema", 1},
                 {"kernels", matrix.kernels},
                 {"scenarios", matrix.scenarios},
                 {"to_kill", matrix.to_kill()},
                 {"killed", matrix.kills()},
                 {"broken_claims", matrix.broken_claims()},
                 {"original_trials", matrix.original_trials()},
                 {"false_positives", matrix.false_positives()},
                 {"interrupted", matrix.interrupted},
                 {"exit_status", matrix.exit_status()},
                 {"seconds", matrix.seconds}};
    json["mutants"] = Json::array();
    for (const auto& mutant : matrix.mutants)
        json["mutants"].push_back({{"name", mutant.name},
                                   {"description", mutant.description},
                                   {"killed", matrix.killed(mutant)},
                                   {"fate", fate(matrix, mutant)},
                                   {"as_expected", !is_bad(matrix, mutant)},
                                   {"equivalent", mutant.equivalent}});
    json["cells"] = Json::array();
    for (const auto& cell : matrix.cells) json["cells"].push_back(cell_json(cell));
    return json_document(json);
}

std::string matrix_markdown(const Matrix& matrix) {
    std::string out =
        "# Kill matrix\n\n" + score_line(matrix) + "\n\n| mutant | fate | kernel | scenario | verdict |\n";
    out += "| --- | --- | --- | --- | --- |\n";
    const auto add = [&](const std::string& name, const std::string& what, const std::string& mutant) {
        const auto cells = cells_of(matrix, mutant);
        if (cells.empty()) out += fmt::format("| {} | {} | | | |\n", md_escaped(name), md_escaped(what));
        for (const MatrixCell* cell : cells)
            out += fmt::format("| {} | {} | {} | {} | {} |\n", md_escaped(name), md_escaped(what),
                               md_escaped(cell->kernel), md_escaped(cell->scenario), md_escaped(cell_text(*cell)));
    };
    for (const auto& mutant : matrix.mutants) {
        const std::string what = fate(matrix, mutant);
        add(mutant.name, is_bad(matrix, mutant) ? "🔴 " + what : what, mutant.name);
    }
    add("(none)", "original", "");
    return out;
}

}  // namespace memrig
