// memrig matrix
#include <memory>
#include <set>

#include "base/file.h"
#include "base/stop_request.h"
#include "cli/backend_option.h"
#include "cli/cluster.h"
#include "cli/command.h"
#include "cli/console_observer.h"
#include "cli/json_target.h"
#include "cli/machine_options.h"
#include "cli/old_name.h"
#include "cli/output.h"
#include "cli/validators.h"
#include "page/page.h"
#include "report/matrix_report.h"
#include "run/matrix.h"

namespace memrig {

namespace {

constexpr std::int64_t kMostMatrixTrials = 1000;
constexpr const char* kMatrixFooter =
    "Runs each source mutant (`memrig kernels list --all`) in the control arm of the scenarios that claim it, until\n"
    "one convicts it. The kernels that the mutants are made from must hold. Kernels that are not in the cache are\n"
    "built, which takes minutes.\n"
    "The directory gets matrix.json, matrix.md, matrix.html, cells.jsonl and the evidence of each trial.\n"
    "With --slurm, submits the cells to Slurm. memrig campaign wait, status, cancel and merge take --out, which all\n"
    "nodes must share (docs/campaigns.md).\n"
    "Exit status: 0 every mutant was killed by each scenario that claims it, and every original held, 1 otherwise,\n"
    "2 bad usage, 3 rig fault, 130 interrupted.\n\n"
    "Example:\n"
    "  memrig matrix --kernel ref-6.12-amd64 --mutant online_store,state_store\n"
    "  memrig matrix --slurm --shards 20 --out /shared/matrix -- --time=240\n";

// Prints one line for each trial, and no progress line.
class MatrixObserver final : public RunObserver {
public:
    explicit MatrixObserver(const Terminal& terminal) : terminal_(terminal) {}
    void busy_with(const std::string&) override {}
    void planned(unsigned) override {}
    void trial_done(const ArmResult& arm, const TrialResult& trial) override {
        const std::string line =
            fmt::format("{}  {}: {}  {}  {}", one_line(arm.kernel), one_line(arm.scenario), to_string(trial.verdict),
                        short_time(trial.verdict_seconds), one_line(trial.reason));
        terminal_.print(cut(line, terminal_.table_width()) + "\n");
    }
    void host_lost(const std::string& host, const std::string& why) override {
        terminal_.print(terminal_.paint().bad(fmt::format("{} is lost: {}", one_line(host), one_line(why))) + "\n");
    }

private:
    const Terminal& terminal_;
};

Status write_reports(const Matrix& matrix, const fs::path& out) {
    MEMRIG_CHECK(make_directories(out));
    MEMRIG_CHECK(write_file(out / "matrix.json", matrix_json(matrix)));
    MEMRIG_CHECK(write_file(out / "matrix.md", matrix_markdown(matrix)));
    MEMRIG_TRY(const Subject subject, load_subject(out));
    return write_file(out / "matrix.html", subject_page(subject, {}));
}

struct MatrixOptions {
    MatrixSpec spec;
    std::string backend = "qemu", json;
    ClusterOptions cluster;
    std::vector<std::string> words;  // words_for_task()
};

WorkTally tally_of(const Matrix& matrix, const Portion& portion) {
    WorkTally tally;
    tally.whole = matrix.cells.size();
    tally.kernels = matrix.images;
    tally.files = {"cells.jsonl"};
    std::set<std::string> needs;
    for (const MatrixCell& cell : matrix.cells) {
        if (portion.kind == Portion::Kind::opening) needs.insert(cell.image());
        if (cell.outcome == CellOutcome::not_run) continue;
        tally.units++;
        const bool should_hold = cell.mutant.empty();
        tally.as_expected += cell.outcome == (should_hold ? CellOutcome::survived : CellOutcome::killed);
        tally.rig_faults += cell.outcome == CellOutcome::rig_fault;
    }
    tally.needs.assign(needs.begin(), needs.end());
    return tally;
}

Result<WorkTally> play_portion(const MatrixOptions& options, const Portion& portion, const fs::path& out) {
    MatrixSpec spec = options.spec;
    spec.resume = true;
    spec.portion = portion;
    spec.out = out;
    const Terminal terminal(stdout);
    MEMRIG_TRY(const auto hosts, connect_hosts(options.backend));
    MatrixObserver observer(terminal);
    MEMRIG_TRY(const Matrix done, run_matrix(spec, hosts.all(), observer));
    if (done.interrupted) return std::unexpected(stop_request().error());
    return tally_of(done, portion);
}

int matrix(MatrixOptions options) {
    MatrixSpec& spec = options.spec;
    if (const Status target = check_json_target(options.json); !target) return report_error(target.error());
    const SharedCommand shared{
        "matrix",  "cell",
        spec.jobs, options.words,
        spec.out,  [&](const Portion& portion, const fs::path& out) {
                                   return play_portion(options, portion, out); }};
    if (const auto status = share(options.cluster, shared, spec.resume, spec.portion)) return *status;
    if (const Status fits = check_out(spec.out, spec.resume, "matrix"); !fits) return report_error(fits.error());
    const bool own_directory = spec.out.empty();
    if (own_directory) spec.out = default_run_directory();
    const Terminal terminal(options.json == "-" ? stderr : stdout);
    const auto hosts = connect_hosts(options.backend);
    if (!hosts) return report_error(hosts.error());
    MatrixObserver observer(terminal);
    for (const auto& [host, why] : hosts->left_out) observer.host_lost(host, why.line());
    const auto done = run_matrix(spec, hosts->all(), observer);
    if (!done) {
        if (own_directory) remove_if_empty(spec.out);
        return report_error(done.error());
    }
    terminal.print("\n" + matrix_text(*done, terminal.paint(), terminal.table_width()));
    if (const Status written = write_reports(*done, spec.out); !written) return report_error(written.error());
    if (!options.json.empty())
        if (const Status written = write_json(options.json, matrix_json(*done)); !written)
            return report_error(written.error());
    terminal.print(fmt::format("matrix and evidence: {}\n", one_line(spec.out.string())));
    return done->exit_status();
}

}  // namespace

void add_matrix_command(CLI::App& program, Action& action) {
    auto options = std::make_shared<MatrixOptions>();
    MatrixSpec* spec = &options->spec;
    CLI::App* command =
        program.add_subcommand("matrix", "Run source mutants in their scenarios, to check that each is convicted");
    command->footer(kMatrixFooter);
    const auto list = [&](const std::string& name, std::vector<std::string>& into, const char* help) {
        command->add_option(name, into, help)->type_name("NAME,...")->delimiter(',')->allow_extra_args(false);
        add_old_name(*command, name + "s", name, into)->delimiter(',')->allow_extra_args(false);
    };
    list("--kernel", spec->kernels, "Parent kernels; default: every kernel that is built from source");
    list("--mutant", spec->mutants, "Mutants; default: all");
    list("--scenario", spec->scenarios, "Scenarios; default: all");
    command->add_flag("--all", spec->all, "Run each mutant in every scenario, not only in those that claim it");
    command->add_option("--trials", spec->trials, "Most trials of a cell; a conviction ends it early")
        ->type_name("N")
        ->check(CLI::Validator(not_decimal, "", "decimal"))
        ->check(CLI::Range(std::int64_t{1}, kMostMatrixTrials).description(""))
        ->capture_default_str();
    command->add_option("--jobs", spec->jobs, "Number of kernels that are tried at the same time")
        ->type_name("N")
        ->check(CLI::Validator(not_decimal, "", "decimal"))
        ->check(CLI::Range(std::int64_t{1}, kMostJobs).description(""))
        ->capture_default_str();
    command->add_option("--seed", spec->seed, "Random seed; default: 0")
        ->type_name("N")
        ->check(CLI::Validator(not_decimal, "", "decimal"));
    command->add_option("--out", spec->out, "Directory for the reports and the evidence; default: runs/TIME-PID")
        ->type_name("DIR");
    command->add_option("--json", options->json, "Also write matrix.json to FILE; - is stdout")->type_name("FILE");
    add_accelerator_option(*command, spec->accelerator);
    add_hosts_option(*command, options->backend);
    command->add_flag("--resume", spec->resume, "Go on with the interrupted matrix in --out");
    add_shared_options(*command, options->cluster);
    add_sbatch_words(*command, options->cluster);
    command->callback([options, command, &action] {
        options->words = words_for_task(*command);
        action = [options] { return matrix(*options); };
    });
}

}  // namespace memrig
