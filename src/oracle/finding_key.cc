#include "oracle/finding_key.h"

#include <fmt/ranges.h>

namespace memrig {

std::string sentence(const RuleKey& key) {
    return fmt::format("{}: {} entered {}() {}", key.rule, key.task, key.function, key.breach);
}

std::string sentence(const ClaimKey& key) {
    return fmt::format("{} takes {} without {}, which comes before it", key.task, key.lock, key.before);
}

std::string sentence(const CrashKey& key) {
    if (key.headline.empty()) return fmt::format("{} entered {}()", key.task, key.function);
    return fmt::format("{} crashed{}: {}", key.task, key.function.empty() ? "" : " in " + key.function, key.headline);
}

std::string sentence(const ReportKey& key) {
    if (key.gate.empty()) return "the console is not quiet: " + key.headline;
    return fmt::format("lockdep reports a cycle that is gated by {}: {}", key.gate, key.headline);
}

std::string sentence(const SentenceKey& key) { return key.sentence; }

std::string sentence(const LoopKey& key) {
    const std::string holds = key.holds.empty() ? "no lock" : fmt::format("{}", fmt::join(key.holds, ", "));
    return fmt::format("{} goes round in {}() and gets nowhere, holding {}", key.task, key.function, holds);
}

}  // namespace memrig
