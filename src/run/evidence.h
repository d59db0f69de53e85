// Writes a trial's evidence to disk: console, transcripts, timeline, locks.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "machine/machine.h"
#include "schedule/performance.h"
#include "schedule/timeline.h"
#include "watch/call_recorder.h"
#include "watch/lock_graph.h"
#include "watch/lock_ledger.h"
#include "watch/task_names.h"

namespace memrig {

// The names of a task: the name of its actor, empty if it has none, and the kernel's name.
struct TaskLabel {
    std::string actor;
    TaskName name;
};

// Returns JSON as text. Bytes from a guest that are not UTF-8 are replaced.
std::string text_of(const nlohmann::json& json);

// Writes console.log, qmp.jsonl and agent.log; also probe.log unless `probe` is null (it was not attached). Each line
// has the milliseconds since `origin`; in agent.log, they count from the start of the machine.
Status write_machine_evidence(Machine& machine, Probe* probe, SteadyTime origin,
                              const std::filesystem::path& directory);
// Writes the file `btf`: the kernel's BTF, read from its memory. Empty if the kernel has none.
Status write_prototypes(Probe& probe, const SymbolTable& symbols, const std::filesystem::path& directory);
// Writes and reads calls.json: the calls that the actors were seen making. Fault::user_input if the file is not there,
// or is damaged.
Status write_recorded_calls(const std::vector<RecordedCalls>& calls, const std::filesystem::path& directory);
Result<std::vector<RecordedCalls>> read_recorded_calls(const std::filesystem::path& directory);
// Writes lockgraph.json: the orders in which the tasks took all locks.
Status write_lock_graph(const LockGraphFacts& graph, const std::map<std::uint64_t, TaskLabel>& tasks,
                        const std::filesystem::path& directory);
// Writes race.json: the points that the actors passed in their turns, and the switches.
Status write_race(const RaceRecord& race, const std::filesystem::path& directory);
// Writes timeline.json and locks.json. locks.json also has the cost of watching: `stops`, how often the guest was
// stopped at each place. `ledger` is null if none was kept.
Status write_schedule_evidence(const Timeline& timeline, const LockLedger* ledger,
                               const std::map<std::uint64_t, TaskLabel>& tasks,
                               const std::map<std::string, std::uint64_t>& stops,
                               const std::filesystem::path& directory);

}  // namespace memrig
