// A trial's evidence on disk: console, transcripts, timeline, locks.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "machine/machine.h"
#include "schedule/timeline.h"
#include "watch/lock_ledger.h"
#include "watch/task_names.h"

namespace memrig {

// What a task is called: the actor's name if it is one's, and the kernel's.
struct TaskLabel {
    std::string actor;
    TaskName name;
};

// JSON as text. A guest's bytes may be no UTF-8: those are replaced.
std::string text_of(const nlohmann::json& json);

// Writes console.log, qmp.jsonl, agent.log and, if the probe was attached, probe.log. Every line has the milliseconds since
// `origin`.
Status write_machine_evidence(Machine& machine, Probe* probe, SteadyTime origin,
                              const std::filesystem::path& directory);
// Writes timeline.json and locks.json, the latter with what the watching cost: how often the guest was stopped, and where. `ledger` is
// null where none was kept.
Status write_schedule_evidence(const Timeline& timeline, const LockLedger* ledger,
                               const std::map<std::uint64_t, TaskLabel>& tasks,
                               const std::map<std::string, std::uint64_t>& stops,
                               const std::filesystem::path& directory);

}  // namespace memrig
