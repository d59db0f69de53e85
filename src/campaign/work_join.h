// Joins the journals of shards, and takes the evidence that they name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "run/portion.h"

namespace memrig {

// A finished attempt of a shard.
struct WorkPart {
    std::filesystem::path directory;
    Shard shard;
    bool counts = true;  // the first finished attempt of its shard; others are only compared
};

// A journal that all parts have.
struct WorkJournal {
    std::filesystem::path opening;  // the directory in which the opening was played
    std::filesystem::path
        file;  // relative to the directories; "explored.jsonl", "results.jsonl", "hunt.jsonl", "cells.jsonl"
    std::uint64_t units = 0;  // of the whole work
};

// Writes `file` and the evidence of its trials into `out`, as a run on one machine, with one job at a time, would have
// left them. Each unit must be there exactly once.
// - A line of results.jsonl, hunt.jsonl and cells.jsonl is a unit, with its number. It must be in that number's shard.
// - A line of explored.jsonl is an order. Each order but the first branches off from another one. The orders and their
//   trials get the numbers in which one machine finds them, whatever the number of shards.
// Adds a line to `notes` for each unit in which a part that does not count differs.
// Fault::user_input, with the names of the directories, for a gap, an overlap, a damaged journal or one of other work.
// Fault::host, or Fault::interrupted.
Status join_journal(const WorkJournal& journal, const std::vector<WorkPart>& parts, const std::filesystem::path& out,
                    std::vector<std::string>& notes);

}  // namespace memrig
