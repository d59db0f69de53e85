// Texts about the tasks of a trial, as the findings have them. All functions only read their arguments, so they are
// thread-safe.
#pragma once

#include <string>
#include <vector>

#include "schedule/performance.h"

namespace memrig {

// Returns the name of the task's actor. Without an actor, the kernel's name for the task, or else its stack's address.
std::string task_name(const Performance& performance, std::uint64_t task);

// Returns the words with `between` between any two of them.
std::string joined(const std::vector<std::string>& words, const char* between);

}  // namespace memrig
