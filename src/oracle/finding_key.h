// The key of a finding: what an oracle convicts of, as fields. Fingerprints are computed from it
// (campaign/fingerprint.h), and results.json has it next to the finding's text.
//
// Names are those of one trial: with offsets, pids, addresses and numbers of memory blocks. Paths have the innermost
// function first. A task is named by its actor if it is one's, else by its comm and pid.
#pragma once

#include <string>
#include <variant>
#include <vector>

namespace memrig {

// One task of a deadlock: it holds one lock and waits for another.
struct WaitKey {
    std::string task, holds;
    std::vector<std::string> taken_in;  // the path by which the task took what it holds
    std::string waits_for;
    std::vector<std::string> wanted_in;
};

// A proven cycle of tasks that wait for each other, from any of them on.
struct CycleKey {
    std::vector<WaitKey> waits;
};

// Tasks that are blocked without a proven cycle.
struct HangKey {
    std::vector<std::vector<std::string>> paths;  // one for each blocked task
};

// A broken locking rule. `task` has the kernel's name of the task, too: "adder (kworker/u6:2, pid 43)".
struct RuleKey {
    std::string rule, task, function;
    std::string breach;  // "without device_hotplug_lock"
    std::vector<std::string> path;
};

// A task took `then` while it held `first`.
struct OrderedLocks {
    std::string task, first, then;
};

// Two locks that are taken in both orders.
struct InversionKey {
    std::vector<OrderedLocks> orders;
    std::vector<std::string> gates;  // the locks that are held in both
};

// A lock that was taken without the one that the scenario claims to come before it.
struct ClaimKey {
    std::string task, lock, before;
    std::vector<std::string> path;
};

// A crash: what the kernel printed, or else the function of the kernel's crash path that was entered.
struct CrashKey {
    std::string task;
    std::string function;  // may be empty if the kernel printed something
    std::string headline;  // empty if the kernel printed nothing
    std::vector<std::string> path;
};

// Any other report that the kernel printed.
struct ReportKey {
    std::string headline;
    std::string gate;               // the lock that makes the reported cycle harmless; empty if there is none
    std::vector<std::string> path;  // of a gated cycle: its locks, each with the function that took it
};

// A finding that is one sentence: of the accounting, the evidence and the rig.
struct SentenceKey {
    std::string sentence;
    std::vector<std::string> path = {};
};

// std::monostate: no key. Only findings of memrig 0.1.0 have none (campaign/legacy_key.h).
using FindingKey =
    std::variant<std::monostate, CycleKey, HangKey, RuleKey, InversionKey, ClaimKey, CrashKey, ReportKey, SentenceKey>;

// The key's claim in one sentence, with which the finding's summary begins:
// "R1: adder entered add_memory_resource() without device_hotplug_lock".
// Fingerprints hash these sentences: another wording makes every known finding unknown.
std::string sentence(const RuleKey& key);
std::string sentence(const ClaimKey& key);
std::string sentence(const CrashKey& key);
std::string sentence(const ReportKey& key);
std::string sentence(const SentenceKey& key);

}  // namespace memrig
