#include "campaign/legacy_key.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "campaign/fingerprint.h"

namespace memrig {

namespace {

std::vector<std::string> split(std::string_view text, std::string_view by) {
    std::vector<std::string> parts;
    for (auto at = text.find(by); at != text.npos; at = text.find(by)) {
        parts.emplace_back(text.substr(0, at));
        text.remove_prefix(at + by.size());
    }
    parts.emplace_back(text);
    return parts;
}

std::string_view until(std::string_view text, std::string_view end) { return text.substr(0, text.find(end)); }

// The text between `before` and `after`, or the end. Empty if `before` does not occur.
std::string_view between(std::string_view text, std::string_view before, std::string_view after) {
    const auto from = text.find(before);
    return from == text.npos ? std::string_view() : until(text.substr(from + before.size()), after);
}

SentenceKey sentence_key(std::string_view sentence, std::vector<std::string> path = {}) {
    return {std::string(sentence), std::move(path)};
}

// Reads the drawing of a cycle, one task at a time: "adder (...)", "  |- holds     L, taken in a < b",
// "  '- waits for M in c < d", "       '-> held by ...".
FindingKey cycle_key(const Finding& finding) {
    CycleKey key;
    WaitKey link;
    for (const std::string_view line : finding.details) {
        if (line.starts_with("  |- holds ")) {
            const std::string_view text = line.substr(std::min(line.find_first_not_of(' ', 11), line.size()));
            link.holds = until(text, ", taken in ");
            link.taken_in = split(between(text, ", taken in ", "\n"), " < ");
        } else if (line.starts_with("  '- waits for ")) {
            const std::string_view text = line.substr(15);
            const auto in = text.rfind(" in ");
            link.waits_for = text.substr(0, in);
            link.wanted_in = in == text.npos ? std::vector<std::string>() : split(text.substr(in + 4), " < ");
            key.waits.push_back(link);
        } else if (!line.starts_with(' ')) {
            link.task = until(line, " (");
        }
    }
    if (!key.waits.empty()) return key;
    std::set<std::string> sentences;  // sorted, because a drawing may begin with any task of the cycle
    for (const auto& one : split(finding.summary, "; ")) sentences.insert(normalised(one));
    return sentence_key(fmt::format("{}", fmt::join(sentences, "; ")));
}

// Reads "onliner (pid 155, D): __schedule < schedule < mutex_lock < device_online".
FindingKey hang_key(const Finding& finding) {
    HangKey key;
    for (const std::string_view line : finding.details)
        if (const auto stack = line.find("): "); stack != line.npos && line.find(" (pid ") != line.npos)
            key.paths.push_back(split(line.substr(stack + 3), " < "));
    return key;
}

// Reads "R1: adder entered f() without L (by way of a+0x1), holding M". The first detail has the whole path.
FindingKey rule_key(const Finding& finding) {
    const std::string_view path =
        between(finding.details.empty() ? finding.summary : finding.details.front(), "(by way of ", ")");
    return sentence_key(until(finding.summary, " (by way of "), split(path, " < "));
}

// Reads "adder: A (f+0x1), then B (g+0x2)".
std::optional<OrderedLocks> ordered_locks(std::string_view line) {
    const auto parts = split(line, ", then ");
    const std::string_view taken = until(parts[0], " (");
    const auto colon = taken.find(": ");
    if (parts.size() < 2 || colon == taken.npos) return std::nullopt;
    return OrderedLocks{std::string(taken.substr(0, colon)), std::string(taken.substr(colon + 2)),
                        std::string(until(parts[1], " ("))};
}

// Reads "A and B are taken in both orders, gated by C, D", and the two orders from the first two details.
FindingKey lock_order_key(const Finding& finding) {
    const SentenceKey claim = sentence_key(until(finding.summary, " ("), finding.details);
    if (finding.summary.find(" in both orders, ") == finding.summary.npos || finding.details.size() < 2) return claim;
    const auto one = ordered_locks(finding.details[0]), other = ordered_locks(finding.details[1]);
    if (!one || !other) return claim;
    InversionKey key{{*one, *other}, {}};
    if (const auto gates = between(finding.summary, " in both orders, gated by ", "\n"); !gates.empty())
        key.gates = split(gates, ", ");
    return key;
}

}  // namespace

FindingKey legacy_key(const Finding& finding) {
    if (finding.oracle == "deadlock")
        return finding.verdict == Verdict::deadlock ? cycle_key(finding) : hang_key(finding);
    if (finding.oracle == "rules") return rule_key(finding);
    if (finding.oracle == "lock-order") return lock_order_key(finding);
    if (finding.oracle == "crash" || finding.oracle == "console") return sentence_key(finding.summary, finding.details);
    return sentence_key(finding.summary);
}

}  // namespace memrig
