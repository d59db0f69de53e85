// Fingerprints: by them the same finding is known in another trial, another campaign or another build of the kernel.
//
// A finding's key (oracle/finding_key.h) holds much that differs from trial to trial: addresses, offsets, compiler
// suffixes (.constprop.0, .isra.0, .cold), pids, and the numbers of tasks, blocks and pages. The fingerprint is what is
// left without these: the oracle, its claim (the rule, the function, the cycle of locks), and the innermost functions
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
    std::string
        text;  // one line: "rules: R1: adder entered add_memory_resource() without device_hotplug_lock < __add_memory"
};

Fingerprint fingerprint_of(const Finding& finding);

// Whether a finding tells of the kernel: one that convicts, or what the kernel itself printed. Not that something was in order, not proven,
// or the rig's fault.
bool accuses(const Finding& finding);

// The findings of a stored result. What is no finding is left out; text that is no JSON has none.
std::vector<Finding> parse_findings(std::string_view json);

// Without addresses, offsets, compiler suffixes, task numbers and other numbers ("#" in their place). Names keep their digits, but those of
// memory blocks: "memory32's device lock" is "memory#'s device lock".
std::string normalised(std::string_view text);

}  // namespace memrig
