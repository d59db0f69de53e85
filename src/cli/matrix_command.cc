// memrig matrix
#include <memory>

#include "base/file.h"
#include "cli/backend_option.h"
#include "cli/command.h"
#include "cli/console_observer.h"
#include "cli/output.h"
#include "cli/validators.h"
#include "report/matrix_report.h"
#include "run/matrix.h"

namespace memrig {

namespace {

constexpr std::int64_t kMostTrials = 1000;
constexpr const char* kFooter =
    "Each source mutant (`memrig kernels list --all`) is run by the scenarios that claim it, in their control arm, "
    "until one "
    "convicts it;\nthe kernels they come from must hold. Kernels that are not in the cache are built, which takes "
    "minutes.\n"
    "The directory gets matrix.json, matrix.md, matrix.html and the evidence of each trial.\n"
    "Exit status: 0 every mutant was killed and every original held, 1 not so, 2 bad usage, 3 rig fault, 130 "
    "interrupted.\n\n"
    "Example:\n"
    "  memrig matrix --kernels ref-6.12-amd64 --mutants online_store,state_store\n";

// The trials' own lines would hide the matrix: only what takes long is told.
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

int matrix(MatrixSpec order, const std::string& backend) {
    const bool own_directory = order.out.empty();
    if (own_directory) order.out = default_run_directory();
    std::error_code code;
    if (fs::exists(order.out, code) && !fs::is_empty(order.out, code))
        return report_error(
            {Fault::user_input, fmt::format("{} is not empty", order.out.string()), "give a new --out"});
    const Terminal terminal(stdout);
    const auto hosts = connect_hosts(backend);
    if (!hosts) return report_error(hosts.error());
    MatrixObserver observer(terminal);
    for (const auto& [host, why] : hosts->left_out) observer.host_lost(host, why.line());
    const auto done = run_matrix(order, hosts->all(), observer);
    if (!done) {
        if (own_directory) remove_if_empty(order.out);
        return report_error(done.error());
    }
    terminal.print("\n" + matrix_text(*done, terminal.paint()));
    if (const Status written = write_reports(*done, order.out); !written) return report_error(written.error());
    terminal.print(fmt::format("matrix and evidence: {}\n", one_line(order.out.string())));
    return done->exit_status();
}

}  // namespace

void add_matrix_command(CLI::App& program, Action& action) {
    auto order = std::make_shared<MatrixSpec>();
    CLI::App* command =
        program.add_subcommand("matrix", "Would the rig notice? Each source mutant against its scenarios");
    command->footer(kFooter);
    const auto list = [&](const char* name, std::vector<std::string>& into, const char* help) {
        command->add_option(name, into, help)->type_name("NAME,...")->delimiter(',')->allow_extra_args(false);
    };
    list("--kernels", order->kernels, "Parents; default: every kernel that is built from source");
    list("--mutants", order->mutants, "Default: all");
    list("--scenarios", order->scenarios, "Default: all");
    command->add_flag("--all", order->all, "Each mutant by every scenario, not only by those that claim it");
    command->add_option("--trials", order->trials, "Trials of a cell, unless one convicts before")
        ->type_name("N")
        ->check(CLI::Validator(not_decimal, "", "decimal"))
        ->check(CLI::Range(std::int64_t{1}, kMostTrials).description(""))
        ->capture_default_str();
    command->add_option("--seed", order->seed, "What chooses among what a scenario leaves open")
        ->type_name("N")
        ->check(CLI::Validator(not_decimal, "", "decimal"));
    command->add_option("--out", order->out, "Where it all goes; default: runs/TIME-PID")->type_name("DIR");
    command->add_option("--accel", order->accelerator, "KVM is used only where it is proven to work")
        ->type_name("auto|tcg|kvm")
        ->check(CLI::IsMember({"auto", "tcg", "kvm"}).description(""))
        ->capture_default_str();
    auto backend = std::make_shared<std::string>("qemu");
    add_hosts_option(*command, *backend);
    command->callback([order, backend, &action] { action = [order, backend] { return matrix(*order, *backend); }; });
}

}  // namespace memrig
