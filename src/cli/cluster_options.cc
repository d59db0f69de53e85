#include "cli/cluster_options.h"

#include <algorithm>
#include <array>

#include "cli/validators.h"
#include "run/portion.h"

namespace memrig {

namespace {

constexpr std::array kNotForTasks = {"help",   "out",       "json",  "ktap",  "resume",  "slurm",
                                     "shards", "partition", "cache", "shard", "publish", "join"};

}  // namespace

std::string not_a_shard(const std::string& text) {
    const auto shard = parse_shard(text);
    return shard ? "" : shard.error().line();
}

void add_submit_options(CLI::App& command, ClusterOptions& options) {
    command.add_flag("--slurm", options.slurm, "Submit to Slurm");
    command
        .add_option("--shards", options.shards,
                    "Number of shards, each a task; default: one for 60 units (docs/scaling.md)")
        ->type_name("N")
        ->check(CLI::Validator(not_decimal, "", "decimal"))
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{kMostShards}).description(""));
    command.add_option("--partition", options.partition, "Slurm's partition; default: the cluster's")->type_name("P");
    command
        .add_option("--cache", options.cache,
                    "The cache on the nodes; default: this host's, with the kernels prepared in it")
        ->type_name("DIR");
}

void add_sbatch_words(CLI::App& command, ClusterOptions& options) {
    command.add_option("SBATCH", options.sbatch, "With --slurm: options for sbatch, after --");
}

void add_shared_options(CLI::App& command, ClusterOptions& options) {
    add_submit_options(command, options);
    for (const char* name : {"--shards", "--partition", "--cache"})
        command.get_option(name)->needs(command.get_option("--slurm"));
    for (const char* name : {"--json", "--ktap", "--resume"})  // they are for the merged result
        if (auto* option = command.get_option_no_throw(name)) command.get_option("--slurm")->excludes(option);
    const char* hidden = "";
    command.add_option("--shard", options.shard)->group(hidden)->check(CLI::Validator(not_a_shard, "", "shard"));
    command.add_option("--publish", options.publish)->group(hidden);
    command.add_option("--join", options.join)->group(hidden);
}

std::vector<std::string> words_for_task(const CLI::App& command) {
    std::vector<std::string> words = {command.get_name()}, options;
    for (const CLI::Option* option : command.get_options()) {
        if (option->count() == 0) continue;
        if (option->get_positional()) {
            if (option->get_name() == "SBATCH") continue;
            for (const auto& word : option->results())
                if (!word.starts_with('-')) words.push_back(word);
            continue;
        }
        const std::string name = option->get_lnames().empty() ? "" : option->get_lnames().front();
        if (name.empty() || std::ranges::find(kNotForTasks, name) != kNotForTasks.end()) continue;
        if (option->get_expected_max() == 0) options.push_back("--" + name);
        else
            for (const auto& value : option->results()) options.push_back("--" + name + "=" + value);
    }
    words.insert(words.end(), options.begin(), options.end());
    return words;
}

}  // namespace memrig
