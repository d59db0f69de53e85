#include "campaign/fingerprint.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/text.h"

namespace memrig {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostFindings = 1000;     // of one result; each oracle has at most one
constexpr std::size_t kMostCharacters = 4'000;  // of a line that is looked at
constexpr std::size_t kPrintedFrames = 3;       // of a stack that the kernel's own unwinder vouches for
constexpr std::size_t kGuessedFrames = 2;       // of one that was read off the stack (probe/call_path.h)

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
constexpr bool is_word(char c) { return is_letter(c) || is_digit(c); }
constexpr bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// "dead" and "face" are words; an address has a digit and is long.
bool is_address(std::string_view word) {
    return word.size() >= 8 && std::ranges::all_of(word, is_hex) && std::ranges::any_of(word, is_digit);
}

std::size_t end_of(std::string_view text, std::size_t at, bool (*in)(char)) {
    while (at < text.size() && in(text[at])) at++;
    return at;
}

// ".constprop.0", ".isra.0.cold": past what a compiler appends to a function's name.
std::size_t past_suffixes(std::string_view text, std::size_t at) {
    static constexpr auto suffixes =
        std::to_array<std::string_view>({"constprop", "isra", "part", "cold", "llvm", "lto_priv", "warm", "hot"});
    while (at < text.size() && text[at] == '.') {
        const std::size_t end = end_of(text, at + 1, is_word);
        if (std::ranges::find(suffixes, text.substr(at + 1, end - at - 1)) == suffixes.end()) break;
        at = end;
        if (at + 1 < text.size() && text[at] == '.' && is_digit(text[at + 1])) at = end_of(text, at + 1, is_digit);
    }
    return at;
}

// "+0x1c/0x240": past an offset and a size.
std::size_t past_offset(std::string_view text, std::size_t at) {
    for (const char sign : {'+', '/'}) {
        const std::size_t digits = at + 3;
        if (!text.substr(std::min(at, text.size())).starts_with(std::string{sign} + "0x")) break;
        const std::size_t end = end_of(text, digits, is_hex);
        if (end == digits) break;
        at = end;
    }
    return at;
}

// " (kworker/u12:1, pid 37)": who a task was this time.
std::string without_pids(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const auto open = text.find(" (");
        const auto close = open == text.npos ? text.npos : text.find(')', open);
        if (close == text.npos) break;
        const std::string_view inside = text.substr(open + 2, close - open - 2);
        const bool task = inside.starts_with("pid ") || inside.find(", pid ") != inside.npos;
        out += text.substr(0, task ? open : close + 1);
        text.remove_prefix(close + 1);
    }
    return out.append(text);
}

// Functions that say nothing of where a task was: those by which it sleeps, is interrupted, is traced or reported.
bool says_nothing(std::string_view function) {
    static constexpr auto names = std::to_array<std::string_view>({"schedule",
                                                                   "__schedule",
                                                                   "__cond_resched",
                                                                   "dump_stack",
                                                                   "show_stack",
                                                                   "print_circular_bug",
                                                                   "check_noncircular",
                                                                   "lock_acquire",
                                                                   "__lock_acquire",
                                                                   "lock_release",
                                                                   "mark_held_locks",
                                                                   "common_interrupt",
                                                                   "arch_local_irq_restore",
                                                                   "_printk",
                                                                   "printk",
                                                                   "report_bug",
                                                                   "handle_bug",
                                                                   "__might_sleep",
                                                                   "__might_resched",
                                                                   "validate_chain",
                                                                   "check_prev_add",
                                                                   "check_prevs_add",
                                                                   "mark_lock",
                                                                   "finish_task_switch",
                                                                   "process_one_work",
                                                                   "worker_thread",
                                                                   "kthread",
                                                                   "down_read",
                                                                   "down_write",
                                                                   "down_trylock"});
    static constexpr auto prefixes = std::to_array<std::string_view>(
        {"schedule_",     "preempt_",    "io_schedule", "__mutex_",        "mutex_",   "percpu_down_", "__percpu_down_",
         "percpu_rwsem_", "rwsem_",      "dump_stack_", "trace_hardirqs_", "lockdep_", "irqentry_",    "irq_exit",
         "__irq_exit",    "asm_",        "sysvec_",     "__sysvec_",       "exc_",     "_raw_",        "__raw_",
         "local_clock",   "sched_clock", "vprintk",     "__switch_to",     "__warn",   "debug_",       "ret_from_",
         "__kmem_cache_", "kmem_cache_", "rcu_",        "__rcu_"});
    return function.empty() || function == "?" || std::ranges::find(names, function) != names.end() ||
           std::ranges::any_of(prefixes, [&](std::string_view prefix) { return function.starts_with(prefix); });
}

template <class Names>
std::string innermost(const Names& functions, std::size_t most) {
    std::string path, last;
    std::size_t taken = 0;
    for (const auto& function : functions) {
        std::string name = normalised(std::string_view(function));
        if (taken == most) break;
        if (says_nothing(name) || name == last) continue;
        path += " < " + name;
        last = std::move(name);
        taken++;
    }
    return path;
}

std::vector<std::string_view> split(std::string_view text, std::string_view by) {
    std::vector<std::string_view> parts;
    for (auto at = text.find(by); at != text.npos; at = text.find(by)) {
        parts.push_back(text.substr(0, at));
        text.remove_prefix(at + by.size());
    }
    parts.push_back(text);
    return parts;
}

std::string_view between(std::string_view text, std::string_view before, std::string_view after) {
    const auto from = text.find(before);
    if (from == text.npos) return {};
    text.remove_prefix(from + before.size());
    return text.substr(0, text.find(after));
}

std::string_view until(std::string_view text, std::string_view end) { return text.substr(0, text.find(end)); }

// Of details as judge.cc draws a cycle: "adder (...)", "  |- holds     L, taken in a < b", "  '- waits for M in c < d". Whoever it begins with.
std::string cycle(const Finding& finding) {
    std::set<std::string> links;
    std::string_view who;
    std::string holds;
    for (const std::string& line : finding.details) {
        if (line.starts_with("  |- holds ")) {
            const std::string_view text = std::string_view(line).substr(11);
            holds = normalised(until(text.substr(std::min(text.find_first_not_of(' '), text.size())), ", taken in ")) +
                    innermost(split(between(text, ", taken in ", "\n"), " < "), 1);
        } else if (line.starts_with("  '- waits for ")) {
            const std::string_view text = std::string_view(line).substr(15);
            const auto in = text.rfind(" in ");
            links.insert(fmt::format("{} holds {} and waits for {}{}", normalised(until(who, " (")), holds,
                                     normalised(text.substr(0, in)),
                                     in == text.npos ? "" : innermost(split(text.substr(in + 4), " < "), 1)));
        } else if (!line.starts_with(' ')) {
            who = line;
        }
    }
    if (!links.empty()) return fmt::format("{}", fmt::join(links, "; "));
    // Without the drawing: by the summary alone.
    for (const auto link : split(finding.summary, "; ")) links.insert(normalised(link));
    return fmt::format("{}", fmt::join(links, "; "));
}

// "onliner (pid 155, D): __schedule < schedule < mutex_lock < device_online": where the blocked tasks are.
std::string blocked(const Finding& finding) {
    std::set<std::string> places;
    for (const std::string& line : finding.details) {
        const auto stack = line.find("): ");
        if (line.find(" (pid ") != line.npos && stack != line.npos)
            places.insert(innermost(split(std::string_view(line).substr(stack + 3), " < "), 1));
    }
    return fmt::format("tasks are blocked and nothing moves{}", fmt::join(places, ""));
}

// "R1: adder entered f() without L (by way of a+0x1), holding M"; the first of the details has the whole path.
std::string rule(const Finding& finding) {
    const std::string_view path =
        between(finding.details.empty() ? finding.summary : finding.details.front(), "(by way of ", ")");
    return normalised(until(finding.summary, " (by way of ")) + innermost(split(path, " < "), kGuessedFrames);
}

std::string lock_order(const Finding& finding) {
    // "adder: A (f+0x1), then B (g+0x2)" and the other way round, whichever is first.
    if (finding.summary.find(" in both orders") != finding.summary.npos && finding.details.size() >= 2) {
        std::set<std::string> edges;
        for (const std::string& line : {finding.details[0], finding.details[1]}) {
            const auto parts = split(line, ", then ");
            std::string edge = normalised(until(parts[0], " ("));
            if (parts.size() > 1) edge += ", then " + normalised(until(parts[1], " ("));
            edges.insert(std::move(edge));
        }
        const auto gate = finding.summary.rfind(", ");
        return fmt::format("{}{}", fmt::join(edges, "; "),
                           gate == finding.summary.npos ? "" : normalised(finding.summary.substr(gate)));
    }
    return normalised(until(finding.summary, " (")) + innermost(finding.details, kGuessedFrames);
}

std::string description(const Finding& finding) {
    if (finding.oracle == "deadlock") return finding.verdict == Verdict::deadlock ? cycle(finding) : blocked(finding);
    if (finding.oracle == "rules") return rule(finding);
    if (finding.oracle == "lock-order") return lock_order(finding);
    if (finding.oracle == "crash" || finding.oracle == "console")
        return normalised(finding.summary) + innermost(finding.details, kPrintedFrames);
    return normalised(finding.summary);
}

}  // namespace

std::string normalised(std::string_view text) {
    const std::string cleaned = without_pids(one_line(text.substr(0, kMostCharacters)));
    text = cleaned;
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t from = at;
        if (!is_word(text[at])) {
            at++;
            // "CPU#1" and "[#2]" are "CPU#" and "[#]".
            if (text[from] != '#' || at == text.size() || !is_digit(text[at])) out += text[from];
            continue;
        }
        at = end_of(text, at, is_word);
        const std::string_view word = text.substr(from, at - from);
        if (is_digit(word.front()) || is_address(word)) {
            out += '#';
            continue;
        }
        if (word == "kworker" && text.substr(at).starts_with("/")) {
            while (at < text.size() && !std::string_view(" ,;)]").contains(text[at])) at++;
            out += word;
            continue;
        }
        if (word.starts_with("memory") && word.size() > 6 && std::ranges::all_of(word.substr(6), is_digit)) {
            out += "memory#";
            continue;
        }
        out += word;
        // "kmalloc-1k" is a name; "pages-131068" would be, too.
        while (at + 1 < text.size() && text[at] == '-' && is_word(text[at + 1])) {
            const std::size_t end = end_of(text, at + 1, is_word);
            out += text.substr(at, end - at);
            at = end;
        }
        at = past_offset(text, past_suffixes(text, at));
    }
    return out;
}

Fingerprint fingerprint_of(const Finding& finding) {
    Fingerprint made;
    made.text = fmt::format("{}: {}{}", one_line(finding.oracle), finding.verdict == Verdict::hang ? "hang: " : "",
                            description(finding));
    made.hash = Hasher().add(made.text).finish().substr(0, kFingerprintDigits);
    return made;
}

bool accuses(const Finding& finding) {
    return convicts(finding.verdict) || (finding.verdict == Verdict::inconclusive && finding.oracle == "console");
}

std::vector<Finding> parse_findings(std::string_view json) {
    std::vector<Finding> findings;
    const Json parsed = Json::parse(json, nullptr, false);
    if (!parsed.is_array()) return findings;
    const auto text = [](const Json& one, const char* key) {
        const auto found = one.find(key);
        return found != one.end() && found->is_string() ? found->get<std::string>() : "";
    };
    for (const Json& one : parsed) {
        if (findings.size() == kMostFindings) break;
        if (!one.is_object()) continue;
        const auto verdict = parse_verdict(text(one, "verdict"));
        if (!verdict) continue;
        Finding finding{text(one, "oracle"), *verdict, text(one, "summary"), {}};
        if (const auto details = one.find("details"); details != one.end() && details->is_array())
            for (const Json& line : *details)
                if (line.is_string()) finding.details.push_back(line.get<std::string>());
        findings.push_back(std::move(finding));
    }
    return findings;
}

}  // namespace memrig
