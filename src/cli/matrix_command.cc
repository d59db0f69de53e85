// memrig matrix
#include <memory>

#include "base/file.h"
#include "cli/backend_option.h"
#include "cli/command.h"
#include "cli/console_observer.h"
#include "cli/json_target.h"
#include "cli/machine_options.h"
#include "cli/output.h"
#include "cli/validators.h"
#include "report/matrix_report.h"
#include "run/matrix.h"

namespace memrig {

namespace {

constexpr std::int64_t kMostMatrixTrials = 1000;
constexpr const char* kMatrixFooter =
    "Runs each source mutant (`memrig kernels list --all`) in the control arm of the scenarios that claim it, until\n"
    "one convicts it. The kernels that the mutants are made from must hold. Kernels that are not in the cache are\n"
    "built, which takes minutes.\n"
    "The directory gets matrix.json, matrix.md, matrix.html and the evidence of each trial.\n"
    "Exit status: 0 every mutant was killed by each scenario that claims it, and every original held, 1 otherwise,\n"
    "2 bad usage, 3 rig fault, 130 interrupted.\n\n"
    "Example:\n"
    "  memrig matrix --kernels ref-6.12-amd64 --mutants online_store,state_store\n";

// Prints one line for each trial, and no progress line.
class MatrixObserver final : public RunObserver {
public:
    explicit MatrixObserver(const Terminal& terminal) : terminal_(terminal) {}
    void busy_with(const std::string&) override {}
    void planned(unsigned) override {}
    void trial_done(const ArmResult& arm, const TrialResult& trial) override {
        terminal_.print(fmt::format("{}  {}: {}  {}  {}\n", one_line(arm.kernel), one_line(arm.scenario),
                                    to_string(trial.verdict), short_time(trial.verdict_seconds),
                                    one_line(trial.reason)));
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
    return write_file(out / "matrix.html", matrix_html(matrix));
}

int matrix(MatrixSpec spec, const std::string& backend, const std::string& json) {
    if (const Status target = check_json_target(json); !target) return report_error(target.error());
    const bool own_directory = spec.out.empty();
    if (own_directory) spec.out = default_run_directory();
    std::error_code code;
    if (fs::exists(spec.out, code) && !fs::is_empty(spec.out, code))
        return report_error({Fault::user_input, fmt::format("{} is not empty", spec.out.string()), "give a new --out"});
    const Terminal terminal(json == "-" ? stderr : stdout);
    const auto hosts = connect_hosts(backend);
    if (!hosts) return report_error(hosts.error());
    MatrixObserver observer(terminal);
    for (const auto& [host, why] : hosts->left_out) observer.host_lost(host, why.line());
    const auto done = run_matrix(spec, hosts->all(), observer);
    if (!done) {
        if (own_directory) remove_if_empty(spec.out);
        return report_error(done.error());
    }
    terminal.print("\n" + matrix_text(*done, terminal.paint()));
    if (const Status written = write_reports(*done, spec.out); !written) return report_error(written.error());
    if (!json.empty())
        if (const Status written = write_json(json, matrix_json(*done)); !written) return report_error(written.error());
    terminal.print(fmt::format("matrix and evidence: {}\n", one_line(spec.out.string())));
    return done->exit_status();
}

}  // namespace

void add_matrix_command(CLI::App& program, Action& action) {
    auto spec = std::make_shared<MatrixSpec>();
    CLI::App* command =
        program.add_subcommand("matrix", "Run source mutants in their scenarios, to check that each is convicted");
    command->footer(kMatrixFooter);
    auto json = std::make_shared<std::string>();
    const auto list = [&](const char* name, std::vector<std::string>& into, const char* help) {
        command->add_option(name, into, help)->type_name("NAME,...")->delimiter(',')->allow_extra_args(false);
    };
    list("--kernel,--kernels", spec->kernels, "Parent kernels; default: every kernel that is built from source");
    list("--mutant,--mutants", spec->mutants, "Mutants; default: all");
    list("--scenario,--scenarios", spec->scenarios, "Scenarios; default: all");
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
    command->add_option("--json", *json, "Also write matrix.json to FILE; - is stdout")->type_name("FILE");
    add_accelerator_option(*command, spec->accelerator);
    auto backend = std::make_shared<std::string>("qemu");
    add_hosts_option(*command, *backend);
    command->callback(
        [spec, backend, json, &action] { action = [spec, backend, json] { return matrix(*spec, *backend, *json); }; });
}

}  // namespace memrig
