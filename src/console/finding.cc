#include "console/finding.h"

#include <algorithm>
#include <array>

#include "console/text.h"

namespace memrig::console {

namespace {

using enum ConsoleFindingKind;

// Functions that print reports or switch tasks. The function that the report is about follows them in the stack.
bool is_machinery(std::string_view function) {
    static constexpr auto names = std::to_array<std::string_view>({"dump_stack",
                                                                   "dump_stack_lvl",
                                                                   "__dump_stack",
                                                                   "show_stack",
                                                                   "panic",
                                                                   "vpanic",
                                                                   "nmi_panic",
                                                                   "nmi_cpu_backtrace",
                                                                   "lockdep_rcu_suspicious",
                                                                   "__schedule_bug",
                                                                   "__might_resched",
                                                                   "__might_sleep",
                                                                   "___might_sleep",
                                                                   "ubsan_epilogue",
                                                                   "bad_page",
                                                                   "__switch_to",
                                                                   "__schedule",
                                                                   "schedule",
                                                                   "schedule_timeout",
                                                                   "schedule_preempt_disabled",
                                                                   "io_schedule"});
    function = function.substr(0, function.find('.'));  // without ".cold"
    return function.starts_with("__ubsan_handle_") || std::ranges::find(names, function) != names.end();
}

}  // namespace

FindingReader::FindingReader(const Headline& headline, const Line& line, std::size_t first_line)
    // The sanitizers print some call traces without "Call Trace:" (kfence_print_stack()). All other reports need this
    // header: lockdep prints the stacks of the dependency chain before its own call trace.
    : stack_(headline.kind != sanitizer),
      died_(headline.die),
      ends_kernel_(headline.ends_kernel),
      ends_with_stack_(headline.ends_with_stack ||
                       (headline.kind != oops && headline.kind != warning && headline.kind != sanitizer)) {
    finding_.kind = headline.kind;
    finding_.headline = clean(line.text);
    finding_.function = clean(headline.function);
    finding_.comm = clean(headline.comm, 64);
    finding_.pid = headline.pid;
    finding_.first_line = first_line;
    finding_.last_line = line.number;
}

bool FindingReader::continued_by(const Headline& next) const {
    return finding_.kind == oops && next.kind == oops && next.die && !died_;
}

void FindingReader::continue_with(const Line& line) {
    died_ = true;
    accept(line);
}

bool FindingReader::takes_task() const {
    return (finding_.kind == hung_task || finding_.kind == rcu_stall) && !has_task_ && stack_.waiting();
}

void FindingReader::add_task(const TaskDump& task, const Line& line) {
    has_task_ = true;
    if (finding_.comm.empty()) finding_.comm = task.comm;
    if (finding_.pid < 0) finding_.pid = task.pid;
    accept(line);
}

void FindingReader::feed(const Line& line) {
    const std::string_view text = line.text;
    if (end_marker(text) || detail(text)) {
        accept(line);
        return;
    }
    if (stack_.feed(text)) accept(line);
    if (stack_.done() && ends_with_stack_) {
        finding_.complete = true;
        done_ = !ends_kernel_;
    }
    ++idle_;
}

void FindingReader::superseded() {
    if (ends_with_stack_ && stack_.reading()) finding_.complete = true;
}

bool FindingReader::end_marker(std::string_view text) {
    // print_oops_end_marker(). Sanitizers end their reports with the same marker, or with a rule.
    const bool traced = finding_.kind == oops || finding_.kind == warning || finding_.kind == sanitizer;
    if (traced && text.starts_with("---[ end trace ")) return finding_.complete = done_ = true;
    if (finding_.kind == sanitizer && is_double_rule(text)) return finding_.complete = done_ = true;
    if (!ends_kernel_) return false;
    // panic(): which of these lines comes first depends on KASLR and on the panic= parameter.
    if (text.starts_with("---[ end Kernel panic")) return finding_.complete = done_ = true;
    if (text.starts_with("Rebooting in ") || text.starts_with("Kernel Offset: ")) return finding_.complete = true;
    return false;
}

bool FindingReader::detail(std::string_view text) {
    if (const auto cpu = cpu_line(text)) {
        if (finding_.comm.empty()) {
            finding_.comm = clean(cpu->comm, 64);
            finding_.pid = cpu->pid;
        } else if (finding_.pid < 0) {
            finding_.pid = cpu->pid;
        }
        // Once a call trace has started, this line belongs to the report of another CPU.
        return stack_.waiting();
    }
    if (!stack_.waiting()) return false;
    if (finding_.kind == lockdep) {
        return lockdep_detail(text);
    }
    const auto function = instruction_pointer(text);
    if (function && finding_.function.empty()) finding_.function = clean(*function);
    return function.has_value();
}

bool FindingReader::lockdep_detail(std::string_view text) {
    static constexpr std::size_t kMostHeld = 64;  // MAX_LOCK_DEPTH is 48
    chain_.feed(text);
    if (auto lock = held_.feed(text); lock && finding_.held.size() < kMostHeld)
        finding_.held.push_back(std::move(*lock));
    if (finding_.comm.empty()) {
        if (const auto task = acting_task(text)) {
            finding_.comm = clean(task->comm, 64);
            finding_.pid = task->pid;
            return true;
        }
    }
    std::string_view function = taken_at(text);
    // lockdep_sys_exit() prints the locks, but no call trace.
    if (!function.empty() && contains(finding_.headline, "returning to user space")) finding_.complete = true;
    // print_unlock_imbalance_bug() prints the place on a line of its own, with print_ip_sym().
    if (function.empty()) function = stack_line(text).function;
    if (finding_.function.empty()) finding_.function = clean(function);
    return !function.empty();
}

void FindingReader::accept(const Line& line) {
    finding_.last_line = line.number;
    idle_ = 0;
}

ConsoleFinding FindingReader::finish() {
    finding_.stack = stack_.take();
    finding_.chain = chain_.take();
    if (finding_.function.empty()) {
        const auto where = std::ranges::find_if_not(finding_.stack, is_machinery);
        if (where != finding_.stack.end()) finding_.function = *where;
    }
    return std::move(finding_);
}

}  // namespace memrig::console
