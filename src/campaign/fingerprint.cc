#include "campaign/fingerprint.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/text.h"
#include "campaign/legacy_key.h"
#include "oracle/finding_json.h"

namespace memrig {

namespace {

using PlainJson = nlohmann::json;

constexpr std::size_t kMostFindings = 1000;     // per result; each oracle makes at most one
constexpr std::size_t kMostCharacters = 4'000;  // per line; the rest of the line is ignored
constexpr std::size_t kPrintedFrames = 3;       // from a stack that the kernel's own unwinder printed
constexpr std::size_t kGuessedFrames = 2;       // from a stack that the probe read (watch/call_path.h)

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

// Returns the position after the suffixes that a compiler appends to a function: ".constprop.0", ".isra.0.cold".
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

// Returns the position after an offset and a size ("+0x1c/0x240").
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

// Removes the identities of tasks, such as " (kworker/u12:1, pid 37)", which differ from trial to trial.
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

// Returns true for a function that does not tell where a task was: it serves sleeping, interrupts, tracing or reports.
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

std::string innermost(const std::vector<std::string>& functions, std::size_t most) {
    std::string path, last;
    std::size_t taken = 0;
    for (const auto& function : functions) {
        std::string name = normalised(function);
        if (taken == most) break;
        if (says_nothing(name) || name == last) continue;
        path += " < " + name;
        last = std::move(name);
        taken++;
    }
    return path;
}

// Makes the claim of a key, without the parts that differ from trial to trial.
class ClaimWriter {
public:
    explicit ClaimWriter(const Finding& finding) : finding_(finding) {}
    std::string operator()(std::monostate) const { return std::visit(*this, legacy_key(finding_)); }
    std::string operator()(const CycleKey& key) const {
        std::set<std::string> waits;  // sorted, because the key may begin with any task of the cycle
        for (const WaitKey& one : key.waits)
            waits.insert(fmt::format("{} holds {}{} and waits for {}{}", normalised(one.task), normalised(one.holds),
                                     innermost(one.taken_in, 1), normalised(one.waits_for),
                                     innermost(one.wanted_in, 1)));
        return fmt::format("{}", fmt::join(waits, "; "));
    }
    std::string operator()(const HangKey& key) const {
        std::set<std::string> places;
        for (const auto& path : key.paths) places.insert(innermost(path, 1));
        return fmt::format("tasks are blocked and nothing moves{}", fmt::join(places, ""));
    }
    std::string operator()(const LoopKey& key) const { return claim(key, kGuessedFrames); }
    std::string operator()(const InversionKey& key) const {
        std::set<std::string> orders;
        for (const auto& [task, first, then] : key.orders)
            orders.insert(normalised(task + ": " + first) + ", then " + normalised(then));
        // Only the last of several gates counts, as in version 0.1.0.
        const std::string gate = key.gates.empty()       ? "with no gate"
                                 : key.gates.size() == 1 ? "gated by " + key.gates.front()
                                                         : key.gates.back();
        return fmt::format("{}, {}", fmt::join(orders, "; "), normalised(gate));
    }
    std::string operator()(const RuleKey& key) const { return claim(key, kGuessedFrames); }
    std::string operator()(const ClaimKey& key) const { return claim(key, kGuessedFrames); }
    std::string operator()(const CrashKey& key) const { return claim(key, kPrintedFrames); }
    std::string operator()(const ReportKey& key) const { return claim(key, kPrintedFrames); }
    std::string operator()(const SentenceKey& key) const {
        const bool printed = finding_.oracle == "crash" || finding_.oracle == "console";
        return claim(key, printed ? kPrintedFrames : kGuessedFrames);
    }

private:
    template <class Key>
    static std::string claim(const Key& key, std::size_t frames) {
        return normalised(sentence(key)) + innermost(key.path, frames);
    }
    const Finding& finding_;
};

}  // namespace

std::string normalised(std::string_view text) {
    const std::string cleaned = without_pids(one_line(text.substr(0, kMostCharacters)));
    text = cleaned;
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t from = at;
        if (!is_word(text[at])) {
            at++;
            // "CPU#1" becomes "CPU#", "[#2]" becomes "[#]".
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
        // "kmalloc-1k" is one name; "pages-131068" is taken for one, too.
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
                            std::visit(ClaimWriter(finding), finding.key));
    made.hash = Hasher().add(made.text).finish().substr(0, kFingerprintDigits);
    return made;
}

bool accuses(const Finding& finding) {
    return convicts(finding.verdict) || (finding.verdict == Verdict::inconclusive && finding.oracle == "console");
}

std::vector<Finding> parse_findings(std::string_view json) {
    std::vector<Finding> findings;
    const PlainJson parsed = PlainJson::parse(json, nullptr, false);
    if (!parsed.is_array()) return findings;
    for (const PlainJson& one : parsed) {
        if (findings.size() == kMostFindings) break;
        if (auto finding = read_finding(one, Reading::lenient)) findings.push_back(std::move(*finding));
    }
    return findings;
}

}  // namespace memrig
