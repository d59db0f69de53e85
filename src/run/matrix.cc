#include "run/matrix.h"

#include <algorithm>
#include <deque>
#include <mutex>
#include <thread>

#include "base/exit_status.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/stop_request.h"
#include "kernel/catalogue.h"
#include "run/matrix_journal.h"
#include "run/shared_observer.h"
#include "scenario/scenario.h"

namespace memrig {

namespace {

template <class Known, class Name>
Status check_known(const std::vector<std::string>& asked, const Known& known, Name name, const char* what) {
    for (const auto& word : asked)
        if (std::ranges::find(known, word, name) == known.end())
            return fail(Fault::user_input, "there is no {} \"{}\"", what, word);
    return {};
}

bool wanted(const std::vector<std::string>& asked, const std::string& name) {
    return asked.empty() || std::ranges::find(asked, name) != asked.end();
}

Result<bool> has_bench_for(const Scenario& scenario, const std::string& arch) {
    for (const auto& name : scenario.benches) {
        MEMRIG_TRY(const Bench bench, load_bench(name));
        if (bench.arch == arch) return true;
    }
    return false;
}

class MatrixRun {
public:
    MatrixRun(const MatrixSpec& spec, const std::vector<Host*>& hosts, RunObserver& observer)
        : spec_(spec), hosts_(hosts), observer_(observer, telling_, true) {}

    Result<Matrix> run();

private:
    Status plan();
    void add_cell(const std::string& kernel, const std::string& mutant, const Scenario& scenario);
    Status run_cell(MatrixCell& cell);
    void note_images(const RunResults& results);
    // A cell with its number, from 1, kernel after kernel.
    struct NumberedCell {
        std::size_t number;
        MatrixCell* cell;
    };
    // The cells of one kernel, which share its build and its saved guests.
    using Group = std::vector<NumberedCell>;
    void group_cells();
    // Reads what is done already. Leaves the cells that are to be played in groups_.
    Status begin_journal();
    // Ends a cell. REQUIRES: mutex_ is locked.
    void close(const NumberedCell& one, const Status& done);
    void work();
    // Notes how a cell that failed ended. REQUIRES: mutex_ is locked.
    void note_failure(MatrixCell& cell, const Error& error);

    const MatrixSpec& spec_;
    const std::vector<Host*>& hosts_;
    std::mutex telling_;
    SharedObserver observer_;
    Matrix matrix_;
    std::string scenario_texts_;  // a hash of all of them
    std::optional<MatrixJournal> journal_;
    std::mutex mutex_;            // guards what follows, and matrix_.interrupted
    std::deque<Group> groups_;    // those that no worker has begun
    std::optional<Error> error_;  // the first one that ends the matrix
};

// `mutant` is empty for the parent itself.
void MatrixRun::add_cell(const std::string& kernel, const std::string& mutant, const Scenario& scenario) {
    MatrixCell cell;
    cell.kernel = kernel;
    cell.mutant = mutant;
    cell.scenario = scenario.name;
    if (const Claim* claim = mutant.empty() ? nullptr : scenario.claims(mutant); claim != nullptr) {
        cell.claimed = true;
        cell.setting = claim->setting;
    }
    matrix_.cells.push_back(std::move(cell));
}

Status MatrixRun::plan() {
    MEMRIG_TRY(const auto catalogue, kernel_catalogue());
    std::vector<KernelEntry> parents;
    for (const auto& entry : catalogue)
        if (entry.provider == KernelProvider::built) parents.push_back(entry);
    MEMRIG_CHECK(check_known(spec_.kernels, parents, &KernelEntry::id, "kernel that is built from source"));
    MEMRIG_TRY(const auto mutants, source_mutants());
    MEMRIG_CHECK(check_known(spec_.mutants, mutants, &SourceMutant::name, "mutant"));
    std::vector<Scenario> scenarios;
    Hasher texts;
    for (const auto& name : spec_.scenarios.empty() ? scenario_names() : spec_.scenarios) {
        MEMRIG_TRY(Scenario scenario, load_scenario(name));
        matrix_.scenarios.push_back(scenario.name);
        texts.add(scenario.text);
        scenarios.push_back(std::move(scenario));
    }
    scenario_texts_ = texts.finish();
    for (const auto& mutant : mutants) {
        if (!wanted(spec_.mutants, mutant.name)) continue;
        // A mutant that is for none of these kernels is not in the matrix. If the user asked for it, that is an error.
        const bool fits_any = std::ranges::any_of(parents, [&](const KernelEntry& parent) {
            return wanted(spec_.kernels, parent.id) && mutant.is_for(parent.id, parent.arch);
        });
        if (fits_any) matrix_.mutants.push_back(mutant);
        else if (!spec_.mutants.empty())
            return fail(Fault::user_input, "mutant {} is for none of these kernels", mutant.name);
    }

    for (const auto& parent : parents) {
        if (!wanted(spec_.kernels, parent.id)) continue;
        matrix_.kernels.push_back(parent.id);
        for (const auto& scenario : scenarios) {
            MEMRIG_TRY(const bool runs, has_bench_for(scenario, parent.arch));
            if (!runs) continue;
            // A scenario that claims no mutant of this kernel shows nothing here: `memrig run` is for such scenarios.
            const bool claims_any = std::ranges::any_of(matrix_.mutants, [&](const SourceMutant& mutant) {
                return scenario.claims(mutant.name) != nullptr && mutant.is_for(parent.id, parent.arch);
            });
            if (spec_.all || !spec_.scenarios.empty() || claims_any) add_cell(parent.id, "", scenario);
            for (const auto& mutant : matrix_.mutants) {
                const bool claimed = scenario.claims(mutant.name) != nullptr;
                if (mutant.is_for(parent.id, parent.arch) && (spec_.all || claimed))
                    add_cell(parent.id, mutant.name, scenario);
            }
        }
    }
    for (const auto& mutant : matrix_.mutants)
        if (std::ranges::find(matrix_.cells, mutant.name, &MatrixCell::mutant) == matrix_.cells.end())
            matrix_.unclaimed.push_back(mutant.name);
    return {};
}

void MatrixRun::note_images(const RunResults& results) {
    const std::scoped_lock guard(mutex_);
    for (const auto& kernel : results.kernels) matrix_.images[kernel.id] = kernel.sha256;
}

Status MatrixRun::run_cell(MatrixCell& cell) {
    RunSpec spec;
    spec.scenarios = {cell.scenario};
    spec.kernels = {cell.image()};
    spec.arm = "control";
    spec.skip_other_machines = true;
    spec.trials = 1;
    spec.accelerator = spec_.accelerator;
    if (!cell.setting.empty()) spec.manner.settings = {cell.setting};
    for (unsigned number = 1; number <= spec_.trials; number++) {
        // Each trial has another seed, so that all choices of the scenario have their turn.
        spec.seed = spec_.seed.value_or(0) + number;
        spec.out = spec_.out / cell.kernel / (cell.mutant.empty() ? "original" : cell.mutant) / cell.scenario /
                   fmt::format("{:04}", number);
        // An interrupted matrix may have left a part of it.
        std::error_code code;
        fs::remove_all(spec.out, code);
        auto results = run_scenarios(spec, hosts_, observer_);
        if (!results) return std::unexpected(results.error());
        if (results->interrupted) return fail(Fault::interrupted, "interrupted");
        note_images(*results);
        if (!results->arms.empty() && !results->arms[0].skipped.empty()) {
            cell.outcome = CellOutcome::skipped;
            cell.reason = results->arms[0].skipped;
            return {};
        }
        if (!results->arms.empty() && results->arms[0].not_set_up) {
            cell.outcome = CellOutcome::inconclusive;
            cell.reason = results->arms[0].not_set_up->line();
            return {};
        }
        if (results->arms.empty() || results->arms[0].trials.empty())
            return fail(Fault::rig, "a trial of {} came to no result", cell.scenario);
        TrialResult trial = results->arms[0].trials[0];
        trial.number = number;
        trial.directory = fs::relative(spec.out, spec_.out) / trial.directory;
        cell.verdict = trial.verdict;
        cell.reason = trial.reason;
        cell.oracle = trial.findings.empty() ? "" : trial.findings.front().oracle;
        cell.trials.push_back(std::move(trial));
        if (convicts(*cell.verdict)) break;
    }
    if (!cell.verdict) cell.outcome = CellOutcome::inconclusive;
    else if (convicts(*cell.verdict)) cell.outcome = CellOutcome::killed;
    else if (cell.verdict == Verdict::rig_fault) cell.outcome = CellOutcome::rig_fault;
    else {
        const bool held = std::ranges::any_of(cell.trials, [](const auto& t) { return t.verdict == Verdict::held; });
        cell.outcome = held ? CellOutcome::survived : CellOutcome::inconclusive;
    }
    return {};
}

void MatrixRun::group_cells() {
    std::map<std::pair<std::string, std::string>, std::size_t> places;
    for (auto& cell : matrix_.cells) {
        const auto [place, is_new] = places.try_emplace({cell.kernel, cell.mutant}, groups_.size());
        if (is_new) groups_.emplace_back();
        groups_[place->second].push_back({0, &cell});
    }
    std::size_t number = 0;
    for (auto& group : groups_)
        for (auto& one : group) one.number = ++number;
}

Status MatrixRun::begin_journal() {
    Hasher identity;
    std::vector<MatrixCell*> cells;
    identity.add(MEMRIG_VERSION).add(scenario_texts_).add(fmt::format("{} {}", spec_.seed.value_or(0), spec_.trials));
    for (const auto& group : groups_)
        for (const auto& one : group) {
            cells.push_back(one.cell);
            identity.add(one.cell->kernel).add(one.cell->mutant).add(one.cell->scenario).add(one.cell->setting);
        }
    using Kind = Portion::Kind;
    const Portion& portion = spec_.portion;
    journal_.emplace(spec_.out, identity.finish());
    MEMRIG_CHECK(journal_->start(spec_.resume, portion.kind == Kind::nothing, cells));
    if (portion.kind == Kind::opening || portion.kind == Kind::nothing) groups_.clear();
    const bool is_shard = portion.kind == Kind::shard;
    const UnitRange own = is_shard ? units_of(portion.shard, cells.size()) : UnitRange{0, cells.size()};
    for (auto& group : groups_)
        std::erase_if(group, [&](const NumberedCell& one) {
            return one.cell->outcome != CellOutcome::not_run || !own.contains(one.number - 1);
        });
    return {};
}

void MatrixRun::note_failure(MatrixCell& cell, const Error& error) {
    if (error.fault == Fault::interrupted || stop_request().requested()) {
        matrix_.interrupted = true;
    } else if (error.fault == Fault::user_input || error.fault == Fault::host) {
        // A patch does not apply, a kernel does not build, or QEMU refuses a bench. The user has to fix that first.
        if (!error_) error_ = error;
    } else {
        cell.outcome = CellOutcome::rig_fault;
        cell.reason = error.line();
    }
}

void MatrixRun::close(const NumberedCell& one, const Status& done) {
    if (!done) note_failure(*one.cell, done.error());
    if (one.cell->outcome == CellOutcome::not_run) return;
    if (const Status noted = journal_->append(one.number, *one.cell); !noted && !error_) error_ = noted.error();
}

void MatrixRun::work() {
    std::unique_lock guard(mutex_);
    const auto is_over = [&] { return error_ || matrix_.interrupted; };
    while (!groups_.empty() && !is_over()) {
        const Group group = std::move(groups_.front());
        groups_.pop_front();
        for (const NumberedCell& one : group) {
            if (is_over()) return;
            guard.unlock();
            const Status done = run_cell(*one.cell);
            guard.lock();
            close(one, done);
        }
    }
}

Result<Matrix> MatrixRun::run() {
    const auto begun = steady_clock().now();
    MEMRIG_CHECK(plan());
    group_cells();
    MEMRIG_CHECK(begin_journal());
    std::vector<std::thread> workers;
    for (unsigned i = 0; i < std::max(1u, spec_.jobs); i++) workers.emplace_back([this] { work(); });
    for (auto& worker : workers) worker.join();
    if (error_) return std::unexpected(*error_);
    matrix_.seconds = seconds(steady_clock().now() - begun);
    return std::move(matrix_);
}

}  // namespace

const char* to_string(CellOutcome outcome) {
    switch (outcome) {
        case CellOutcome::not_run: return "not run";
        case CellOutcome::killed: return "killed";
        case CellOutcome::survived: return "survived";
        case CellOutcome::inconclusive: return "inconclusive";
        case CellOutcome::skipped: return "skipped";
        case CellOutcome::rig_fault: return "rig-fault";
    }
    return "?";
}

bool MatrixCell::breaks_claim() const {
    return claimed && (outcome == CellOutcome::survived || outcome == CellOutcome::inconclusive);
}

std::size_t Matrix::broken_claims() const {
    return static_cast<std::size_t>(std::ranges::count_if(cells, &MatrixCell::breaks_claim));
}

bool Matrix::killed(const SourceMutant& mutant) const {
    return std::ranges::any_of(cells, [&](const MatrixCell& cell) {
        return cell.mutant == mutant.name && cell.outcome == CellOutcome::killed;
    });
}

std::size_t Matrix::to_kill() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(mutants, [](const SourceMutant& mutant) { return mutant.equivalent.empty(); }));
}

std::size_t Matrix::kills() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        mutants, [&](const SourceMutant& mutant) { return mutant.equivalent.empty() && killed(mutant); }));
}

std::size_t Matrix::original_trials() const {
    std::size_t trials = 0;
    for (const auto& cell : cells)
        if (cell.mutant.empty()) trials += cell.trials.size();
    return trials;
}

std::size_t Matrix::false_positives() const {
    std::size_t wrong = 0;
    for (const auto& cell : cells)
        for (const auto& trial : cell.trials) wrong += cell.mutant.empty() && trial.verdict != Verdict::held;
    return wrong;
}

int Matrix::exit_status() const {
    if (interrupted) return kExitInterrupted;
    if (std::ranges::find(cells, CellOutcome::rig_fault, &MatrixCell::outcome) != cells.end()) return kExitRigFault;
    // A matrix without trials shows nothing.
    return kills() == to_kill() && broken_claims() == 0 && false_positives() == 0 && original_trials() > 0
               ? kExitGood
               : kExitNotAsExpected;
}

Result<Matrix> run_matrix(const MatrixSpec& spec, const std::vector<Host*>& hosts, RunObserver& observer) {
    return MatrixRun(spec, hosts, observer).run();
}

}  // namespace memrig
