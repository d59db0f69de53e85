// Work that the tasks of a cluster share: the trials of a plan, the cases of a sweep or a hunt, the cells of a matrix,
// or the orders of an exploration. A new kind of work needs a command that takes a Portion (run/portion.h), a journal
// with a line for each unit, and the options of cli/cluster_options.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "campaign/plan.h"
#include "run/portion.h"

namespace memrig {

// The result of a portion of work, as its shard.json has it.
struct WorkTally {
    std::uint64_t whole = 0;                     // units of the whole work
    std::uint64_t units = 0;                     // of a shard: its own that have a result
    std::uint64_t as_expected = 0;               // units with nothing that was not expected
    unsigned rig_faults = 0;                     // trials that ended in one
    std::map<std::string, std::string> kernels;  // by kernel: the SHA-256 of its image
    // Relative paths: an opening has the files that each shard begins with, a shard has its journals.
    std::vector<std::filesystem::path> files;
    std::vector<std::string> needs;  // of an opening: kernels to prepare before the tasks start
};

// Work as it is submitted.
struct Work {
    std::string name;                  // of the Slurm job: a-z, 0-9, - and _
    std::string unit = "trial";        // what a shard has some of
    std::uint64_t units = 0;           // of the whole work
    std::string hash;                  // differs if the units or their results may differ
    std::string memrig;                // the memrig that submits it: its version and the hash of its sources
    std::vector<std::string> command;  // of a task: its words behind "memrig", without the shard
    bool is_plan = false;              // a campaign's plan
    std::map<std::string, std::string> files = {};  // by name: files in the submission's directory
    // Kernels to prepare before the tasks start, each with the folder of its modules or nothing.
    std::vector<std::pair<std::string, std::filesystem::path>> kernels = {};
};

// Returns the work of a campaign. `directory` is where it is submitted, `options` are further words for its tasks.
Work work_of(const Plan& plan, const std::filesystem::path& directory, const std::vector<std::string>& options,
             const std::string& memrig);

// Returns 32 hex digits for work whose command has these words and whose opening left these files, by name with their
// SHA-256.
std::string work_hash(const std::vector<std::string>& words, const std::map<std::string, std::string>& files);

}  // namespace memrig
