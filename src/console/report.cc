#include "console/report.h"

#include <optional>
#include <unordered_map>
#include <utility>

#include "console/finding.h"
#include "console/headline.h"
#include "console/lines.h"
#include "console/lockdep.h"
#include "console/tasks.h"
#include "console/text.h"

namespace memrig {

namespace {

using namespace console;

// What one caller (a task or a CPU; all are one where the kernel does not name them) is printing.
struct Printing {
    std::optional<FindingReader> finding;
    std::optional<TaskReader> task;
    std::optional<HeldLockReader> locks;
    std::size_t finding_at = 0, task_at = 0;  // their places in the report
    std::optional<std::size_t> prelude;       // line of the last prelude
};

// Feeds each line to what its caller is printing. A place in the report is kept from the first line on, so that reports
// which two CPUs print at once come out in the order in which they began.
class Parser {
public:
    void feed(const Line& line);
    ConsoleReport finish();

private:
    void open_finding(Printing& printing, const Headline& headline, const Line& line);
    void open_task(Printing& printing, TaskDump task);
    // At the end of what each prints: by its own marks, by what begins after it, or by the end of the text.
    void close(Printing& printing);
    void supersede(Printing& printing);
    void close_all();

    ConsoleReport report_;
    std::unordered_map<std::string_view, Printing> callers_;
};

void Parser::feed(const Line& line) {
    constexpr std::size_t limit = console_report_limit;
    // More than CPUs and tasks ever print at once: it bounds what a hostile text can make us keep.
    constexpr std::size_t caller_limit = 1024;
    if (callers_.size() >= caller_limit) close_all();
    Printing& printing = callers_[line.caller];
    const std::string_view text = line.text;
    if (const auto begun = headline(text)) {
        if (printing.finding && printing.finding->continued_by(*begun)) return printing.finding->go_on(line);
        supersede(printing);
        if (report_.findings.size() < limit) open_finding(printing, *begun, line);
        return;
    }
    if (is_prelude(text)) {
        if (text.starts_with('-')) supersede(printing);
        printing.prelude = line.number;
        return;
    }
    if (text.starts_with("sysrq: ") || text.starts_with("SysRq : ")) return supersede(printing);
    if (HeldLockReader::begins(text)) {
        supersede(printing);
        printing.locks.emplace();
        return;
    }
    if (auto task = task_line(text)) {
        if (printing.finding && printing.finding->takes_task()) return printing.finding->add_task(*task, line);
        supersede(printing);
        if (report_.tasks.size() < limit) open_task(printing, std::move(*task));
        return;
    }
    if (printing.finding) printing.finding->feed(line);
    if (printing.task) printing.task->feed(text);
    if (printing.locks) {
        if (auto lock = printing.locks->feed(text); lock && report_.held_locks.size() < limit)
            report_.held_locks.push_back(std::move(*lock));
    }
    if ((printing.finding && printing.finding->done()) || (printing.task && printing.task->done()) ||
        (printing.locks && printing.locks->done())) {
        close(printing);
    }
}

void Parser::open_finding(Printing& printing, const Headline& headline, const Line& line) {
    // Further off, it was another report's, which was lost.
    constexpr std::size_t prelude_reach = 32;
    const auto prelude = std::exchange(printing.prelude, std::nullopt);
    const bool near = prelude && line.number - *prelude <= prelude_reach;
    printing.finding.emplace(headline, line, near ? *prelude : line.number);
    printing.finding_at = report_.findings.size();
    report_.findings.emplace_back();
}

void Parser::open_task(Printing& printing, TaskDump task) {
    printing.task.emplace(std::move(task));
    printing.task_at = report_.tasks.size();
    report_.tasks.emplace_back();
}

void Parser::supersede(Printing& printing) {
    if (printing.finding) printing.finding->superseded();
    close(printing);
}

void Parser::close(Printing& printing) {
    if (printing.finding) report_.findings[printing.finding_at] = printing.finding->finish();
    if (printing.task) report_.tasks[printing.task_at] = printing.task->finish();
    printing.finding.reset();
    printing.task.reset();
    printing.locks.reset();
}

void Parser::close_all() {
    for (auto& [caller, printing] : callers_) close(printing);
    callers_.clear();
}

ConsoleReport Parser::finish() {
    close_all();
    return std::move(report_);
}

}  // namespace

const char* to_string(ConsoleFindingKind kind) {
    switch (kind) {
        case ConsoleFindingKind::oops: return "oops";
        case ConsoleFindingKind::panic: return "panic";
        case ConsoleFindingKind::warning: return "warning";
        case ConsoleFindingKind::hung_task: return "hung task";
        case ConsoleFindingKind::lockdep: return "lockdep";
        case ConsoleFindingKind::rcu_stall: return "RCU stall";
        case ConsoleFindingKind::soft_lockup: return "lockup";
        case ConsoleFindingKind::sanitizer: return "sanitizer";
        case ConsoleFindingKind::other_bug: return "bug";
    }
    return "unknown";
}

bool is_crash(ConsoleFindingKind kind) {
    return kind == ConsoleFindingKind::oops || kind == ConsoleFindingKind::panic ||
           kind == ConsoleFindingKind::sanitizer || kind == ConsoleFindingKind::other_bug;
}

ConsoleReport parse_console(std::string_view text) {
    const bool stamped = has_time_stamps(text);
    LineReader reader(text);
    Parser parser;
    for (Line line; reader.next(line);) {
        // A program's line neither begins a report nor ends one that it got in between of.
        if (line.stamped || !stamped) parser.feed(line);
    }
    return parser.finish();
}

}  // namespace memrig
