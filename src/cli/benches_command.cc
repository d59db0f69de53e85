// memrig benches
#include <memory>

#include <nlohmann/json.hpp>

#include "base/json_text.h"
#include "cli/command.h"
#include "cli/json_target.h"
#include "cli/output.h"
#include "machine/bench.h"

namespace memrig {

namespace {

std::string text_of(const std::vector<Bench>& benches) {
    std::vector<std::vector<std::string>> rows = {{"BENCH", "ARCH", "VCPUS", "MEMORY", "SLOTS", "DESCRIPTION"}};
    for (const auto& bench : benches)
        rows.push_back({bench.name, bench.arch, fmt::format("{}", bench.vcpus()),
                        fmt::format("{}M of {}M", bench.memory_bytes >> 20, bench.max_memory_bytes >> 20),
                        fmt::format("{}", bench.slots), bench.description});
    return aligned(rows);
}

std::string json_of(const std::vector<Bench>& benches) {
    auto json = nlohmann::ordered_json::array();
    for (const auto& bench : benches)
        json.push_back({{"name", bench.name},
                        {"arch", bench.arch},
                        {"vcpus", bench.vcpus()},
                        {"memory_bytes", bench.memory_bytes},
                        {"max_memory_bytes", bench.max_memory_bytes},
                        {"slots", bench.slots},
                        {"description", bench.description}});
    return json_document(json);
}

int list(const std::string& target) {
    if (const Status fits = check_json_target(target); !fits) return report_error(fits.error());
    std::vector<Bench> benches;
    int status = kExitGood;
    for (const auto& name : bench_names()) {
        auto bench = load_bench(name);
        if (bench) benches.push_back(*std::move(bench));
        else status = report_error(bench.error());
    }
    const Status shown = show(target, [&] { return text_of(benches); }, [&] { return json_of(benches); });
    return shown ? status : report_error(shown.error());
}

}  // namespace

void add_benches_command(CLI::App& program, Action& action) {
    CLI::App* command = program.add_subcommand("benches", "List the machines that scenarios run on");
    command->require_subcommand(1);
    command->footer("Example:\n  memrig benches list\n");
    CLI::App* list_command =
        command->add_subcommand("list", "List the benches in rig/benches, each a machine description");
    auto json = std::make_shared<std::string>();
    add_json_option(*list_command, *json);
    list_command->footer("Example:\n  memrig benches list --json\n");
    list_command->callback([json, &action] { action = [json] { return list(*json); }; });
}

}  // namespace memrig
