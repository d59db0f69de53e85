// Fingerprints identify the same finding in another trial, another campaign or another build of the kernel.
//
// A finding's key (oracle/finding_key.h) holds much that differs from trial to trial: addresses, offsets, compiler
// suffixes (.constprop.0, .isra.0, .cold), pids, and the numbers of tasks, blocks and pages. The fingerprint leaves
// these out. It keeps the oracle, its claim (the rule, the function, the cycle of locks), and the innermost functions
// of the call path that tell where it was. A finding without a key is read by its text (campaign/legacy_key.h).
// Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "oracle/verdict.h"

namespace memrig {

inline constexpr std::size_t kFingerprintDigits = 12;

struct Fingerprint {
    std::string hash;  // kFingerprintDigits hex digits of the text's SHA-256
    // One line: "rules: R1: adder entered add_memory_resource() without device_hotplug_lock < __add_memory".
    std::string text;
};

Fingerprint fingerprint_of(const Finding& finding);

// Returns whether a finding accuses the kernel: its verdict convicts, or the kernel itself printed a report. A finding
// that something was in order, is not proven, or is the rig's fault accuses nobody.
bool accuses(const Finding& finding);

// Reads the findings of a stored result. Entries that are not findings are left out; text that is not JSON has none.
std::vector<Finding> parse_findings(std::string_view json);

// Returns the text without addresses, offsets, compiler suffixes, task numbers and other numbers ("#" in their place).
// Names keep their digits, except for memory blocks: "memory32's device lock" becomes "memory#'s device lock".
std::string normalised(std::string_view text);

}  // namespace memrig
