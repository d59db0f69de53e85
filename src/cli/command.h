// Declares the subcommands. Each has a file of its own, with its options, its help text and its action.
#pragma once

#include <functional>
#include <string_view>

#include <CLI/CLI.hpp>

namespace memrig {

// The action that the command line asks for; it returns the exit status. It is set while the command line is parsed,
// and run by main().
using Action = std::function<int()>;

inline constexpr std::string_view kBisectStep = "bisect-step";
// Returns the kBisect... status for a kExit... status, because bad usage and rig faults must end the bisection.
int status_for_git(int status);

void add_run_command(CLI::App& program, Action& action);
void add_bisect_command(CLI::App& program, Action& action);
void add_replay_command(CLI::App& program, Action& action);
void add_explain_command(CLI::App& program, Action& action);
void add_bundle_command(CLI::App& program, Action& action);
void add_matrix_command(CLI::App& program, Action& action);
void add_known_command(CLI::App& program, Action& action);
void add_sweep_command(CLI::App& program, Action& action);
void add_hunt_command(CLI::App& program, Action& action);
void add_campaign_command(CLI::App& program, Action& action);
void add_compare_command(CLI::App& program, Action& action);
void add_history_command(CLI::App& program, Action& action);
void add_report_command(CLI::App& program, Action& action);
void add_kernels_command(CLI::App& program, Action& action);
void add_emulators_command(CLI::App& program, Action& action);
void add_benches_command(CLI::App& program, Action& action);
void add_scenarios_command(CLI::App& program, Action& action);
void add_cache_command(CLI::App& program, Action& action);
void add_doctor_command(CLI::App& program, Action& action);

}  // namespace memrig
