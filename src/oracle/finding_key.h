// The key of a finding: the oracle's claim as fields. Fingerprints are computed from it (campaign/fingerprint.h), and
// results.json has it next to the finding's text.
//
// Names are those of one trial, with offsets, pids, addresses and numbers of memory blocks. Paths have the innermost
// function first. A task that belongs to an actor has the actor's name. Any other task has its comm and pid.
#pragma once

#include <string>
#include <variant>
#include <vector>

namespace memrig {

// One task of a deadlock: it holds one lock and waits for another.
struct WaitKey {
    std::string task, holds;
    std::vector<std::string> taken_in;  // the path on which the task took the lock that it holds
    std::string waits_for;
    std::vector<std::string> wanted_in;
};

// A proven cycle of tasks that wait for each other. It may start with any of them.
struct CycleKey {
    std::vector<WaitKey> waits;
};

// Tasks that are blocked without a proven cycle.
struct HangKey {
    std::vector<std::vector<std::string>> paths;  // one for each blocked task
};

// A task that goes round in a loop and gets nowhere. The loop is in `function`, which calls the functions `calls`.
struct LoopKey {
    std::string task, function;
    std::vector<std::string> calls;  // each was seen in every pass
    std::vector<std::string> holds;  // the locks that the task holds
    std::vector<std::string> path;   // `function` and its callers
};

// A broken locking rule. `task` also has the kernel's name for the task: "adder (kworker/u6:2, pid 43)".
struct RuleKey {
    std::string rule, task, function;
    std::string breach;  // "without device_hotplug_lock"
    std::vector<std::string> path;
};

// A task took `then` while it held `first`.
struct OrderedLocks {
    std::string task, first, then;
};

// Two locks that are taken in both orders, or more locks that are taken in a cycle.
struct InversionKey {
    std::vector<OrderedLocks> orders;  // each leads to the lock that the next one starts from, the last to the first
    std::vector<std::string> gates;    // the locks that are held in two of the orders
};

// A lock that was taken without the lock that, as the scenario claims, is taken before it.
struct ClaimKey {
    std::string task, lock, before;
    std::vector<std::string> path;
};

// A crash: what the kernel printed. If it printed nothing, the function of its crash path that was entered.
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
    std::vector<std::string> path;  // for a gated cycle: its locks, each with the function that took it
};

// A finding that is one sentence. The accounting oracle, the evidence oracle and the rig make such findings.
struct SentenceKey {
    std::string sentence;
    std::vector<std::string> path = {};
};

// std::monostate means no key. Only findings of memrig 0.1.0 lack one (campaign/legacy_key.h).
using FindingKey = std::variant<std::monostate, CycleKey, HangKey, RuleKey, InversionKey, ClaimKey, CrashKey, ReportKey,
                                SentenceKey, LoopKey>;

// Returns the key's claim in one sentence. The finding's summary begins with it:
// "R1: adder entered add_memory_resource() without device_hotplug_lock".
// Fingerprints hash these sentences: a change of the wording makes every known finding unknown.
std::string sentence(const RuleKey& key);
std::string sentence(const ClaimKey& key);
std::string sentence(const CrashKey& key);
std::string sentence(const ReportKey& key);
std::string sentence(const SentenceKey& key);
std::string sentence(const LoopKey& key);

}  // namespace memrig
