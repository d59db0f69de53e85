#include "watch/lock_trace.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "watch/lock_names.h"

namespace memrig {

namespace {

constexpr const char* kTracing = "/sys/kernel/tracing/";
constexpr std::array kTraced = {locks::device_hotplug, locks::mem_hotplug, locks::acpi_scan};
constexpr std::size_t kMostTraceEvents = 100'000;
constexpr std::size_t kMostDisagreements = 16;

bool is_traced(std::string_view lock) { return std::ranges::find(kTraced, lock) != kTraced.end(); }

std::string_view trim(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\r')) text.remove_suffix(1);
    return text;
}

// "    kworker/u6:1-35      [001] d..1.     7.333754: lock_acquire: 00000000abcdef01 try read device_hotplug_lock"
bool parse_line(std::string_view line, TracedLock& event) {
    for (const auto& [word, acquire] :
         {std::pair<std::string_view, bool>{": lock_acquire: ", true}, {": lock_release: ", false}}) {
        const std::size_t at = line.find(word);
        if (at == std::string_view::npos) continue;
        event.acquire = acquire;
        const std::size_t cpu = line.find(" [");
        if (cpu == std::string_view::npos || cpu > at) return false;
        const std::string_view task = trim(line.substr(0, cpu));
        const std::size_t dash = task.rfind('-');
        if (dash == std::string_view::npos) return false;
        const std::string_view pid = task.substr(dash + 1);
        const auto [end, code] = std::from_chars(pid.data(), pid.data() + pid.size(), event.pid);
        if (code != std::errc() || end != pid.data() + pid.size()) return false;
        event.comm = task.substr(0, dash);
        std::string_view rest = trim(line.substr(at + word.size()));
        const std::size_t address = rest.find(' ');
        if (address == std::string_view::npos) return false;
        rest.remove_prefix(address + 1);
        if (rest.starts_with("try ")) rest.remove_prefix(4);
        event.shared = rest.starts_with("read ");
        if (event.shared) rest.remove_prefix(5);
        event.lock = trim(rest);
        return true;
    }
    return false;
}

// Recognises "# entries-in-buffer/entries-written: 140/280   #P:4" with two different numbers, and
// "CPU:1 [LOST 140 EVENTS]" (kernel/trace/trace.c).
bool tells_of_loss(std::string_view line) {
    if (line.starts_with("CPU:") && line.find(" [LOST ") != std::string_view::npos) return true;
    constexpr std::string_view head = "# entries-in-buffer/entries-written: ";
    if (!line.starts_with(head)) return false;
    const std::string_view counts = line.substr(head.size(), line.find(' ', head.size()) - head.size());
    const std::size_t slash = counts.find('/');
    return slash != std::string_view::npos && counts.substr(0, slash) != counts.substr(slash + 1);
}

std::string step_text(bool acquire, const std::string& lock) { return (acquire ? "takes " : "releases ") + lock; }

}  // namespace

LockTrace parse_lock_trace(std::string_view text) {
    LockTrace trace;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        TracedLock event;
        if (tells_of_loss(line)) trace.lack = "the kernel's buffer was too small for its lock trace";
        if (!parse_line(line, event)) continue;
        if (trace.events.size() < kMostTraceEvents) trace.events.push_back(std::move(event));
        else trace.lack = fmt::format("the kernel's lock trace has more than {} events", kMostTraceEvents);
    }
    return trace;
}

Status start_lock_trace(GuestLink& guest, Deadline deadline) {
    std::string filter;
    for (const char* lock : kTraced) filter += fmt::format("{}name == \"{}\"", filter.empty() ? "" : " || ", lock);
    const std::string tracing = kTracing;
    for (const auto& [file, text] : {std::pair<std::string, std::string>{"events/lock/filter", filter},
                                     {"events/lock/lock_acquire/enable", "1"},
                                     {"events/lock/lock_release/enable", "1"},
                                     {"tracing_on", "1"}}) {
        const Status written = guest.write_guest_file(tracing + file, text, deadline);
        if (!written && file.starts_with("events/") && written.error().fault == Fault::guest)
            return fail_with({Fault::user_input, "this kernel has no lock tracepoints: " + written.error().message, {}},
                             "they come with CONFIG_LOCKDEP and CONFIG_FTRACE, as in the ref-* kernels");
        MEMRIG_CHECK(written);
    }
    return {};
}

Result<LockTrace> read_lock_trace(GuestLink& guest, Deadline deadline) {
    MEMRIG_TRY(const std::string text, guest.read_guest_file(std::string(kTracing) + "trace", deadline));
    return parse_lock_trace(text);
}

std::vector<std::string> lock_trace_disagreements(const std::vector<LockEvent>& ledger,
                                                  const std::map<std::uint64_t, int>& pids,
                                                  const std::vector<TracedLock>& trace, std::size_t& compared) {
    std::vector<std::string> found;
    compared = 0;
    for (const auto& [task, pid] : pids) {
        std::vector<std::string> ours, theirs;
        for (const auto& event : ledger)
            if (event.task == task && !event.shared && is_traced(event.lock) &&
                (event.action == LockAction::takes || event.action == LockAction::releases))
                ours.push_back(step_text(event.action == LockAction::takes, event.lock));
        for (const auto& event : trace)
            if (event.pid == pid && !event.shared && is_traced(event.lock))
                theirs.push_back(step_text(event.acquire, event.lock));
        if (ours.empty() && theirs.empty()) continue;
        compared++;
        const auto [mine, other] = std::ranges::mismatch(ours, theirs);
        if ((mine == ours.end() && other == theirs.end()) || found.size() >= kMostDisagreements) continue;
        found.push_back(fmt::format("pid {}, step {}: the probe saw \"{}\", the kernel traced \"{}\"", pid,
                                    mine - ours.begin() + 1, mine == ours.end() ? "nothing" : *mine,
                                    other == theirs.end() ? "nothing" : *other));
    }
    return found;
}

}  // namespace memrig
