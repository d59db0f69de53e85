// The options by which a command shares its work between the tasks of a cluster.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace memrig {

struct ClusterOptions {
    bool slurm = false;
    unsigned shards = 0;              // 0: default_shards()
    std::string partition, cache;     // empty: the cluster's default; this host's
    std::vector<std::string> sbatch;  // options for sbatch
    // Given by memrig itself, not by people: the shard of a task and the directory of its submission; the directory
    // whose shards are to be joined.
    std::string shard, publish, join;
};

// --slurm, --shards, --partition, --cache. `options` must outlive the command, here and below.
void add_submit_options(CLI::App& command, ClusterOptions& options);
// The positional words SBATCH, behind "--".
void add_sbatch_words(CLI::App& command, ClusterOptions& options);
// The same options for a command whose work is not a plan, and those that memrig itself gives to it. To be called after
// the command's other options were added.
void add_shared_options(CLI::App& command, ClusterOptions& options);

// Returns the words by which a task does the same work as this command line, which was parsed: without the options
// above, and without those that say where the output goes.
std::vector<std::string> words_for_task(const CLI::App& command);

// Returns "" if the text is a shard such as 3/8, else an error message.
std::string not_a_shard(const std::string& text);

}  // namespace memrig
