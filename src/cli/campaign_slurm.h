// The subcommands of memrig campaign for campaigns in shards: submit, wait, cancel, merge, and the part of `status` for
// a submitted campaign.
#pragma once

#include <string>

#include "cli/command.h"

namespace memrig {

void add_shard_commands(CLI::App& campaign, Action& action);

// Prints the status of a submitted campaign. Returns the exit status.
int submission_status(const std::string& directory, const std::string& json);

}  // namespace memrig
