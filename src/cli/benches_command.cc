// memrig benches
#include "cli/command.h"
#include "cli/output.h"
#include "machine/bench.h"

namespace memrig {

namespace {

int list() {
    std::vector<std::vector<std::string>> rows = {{"BENCH", "ARCH", "VCPUS", "MEMORY", "SLOTS", "DESCRIPTION"}};
    int status = kExitGood;
    for (const auto& name : bench_names()) {
        const auto bench = load_bench(name);
        if (!bench) {
            status = report_error(bench.error());
            continue;
        }
        rows.push_back({bench->name, bench->arch, fmt::format("{}", bench->vcpus()),
                        fmt::format("{}M of {}M", bench->memory_bytes >> 20, bench->max_memory_bytes >> 20),
                        fmt::format("{}", bench->slots), bench->description});
    }
    const Status printed = print_result(aligned(rows));
    return printed ? status : report_error(printed.error());
}

}  // namespace

void add_benches_command(CLI::App& program, Action& action) {
    CLI::App* command = program.add_subcommand("benches", "List the machines that scenarios run on");
    command->require_subcommand(1);
    command->footer("Example:\n  memrig benches list\n");
    CLI::App* list_command =
        command->add_subcommand("list", "List the benches in rig/benches, each a machine description");
    list_command->footer("Example:\n  memrig benches list\n");
    list_command->callback([&action] { action = [] { return list(); }; });
}

}  // namespace memrig
