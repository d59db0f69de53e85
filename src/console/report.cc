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

// The reports that one caller is printing. A caller is a task or a CPU; if the kernel does not name callers, all lines
// have the same one.
struct Printing {
    std::optional<FindingReader> finding;
    std::optional<TaskReader> task;
    std::optional<HeldLockReader> locks;
    std::size_t finding_at = 0, task_at = 0;  // their indexes in the ConsoleReport
    std::optional<std::size_t> prelude;       // the line of the last prelude
};

// Feeds each line to the report that its caller is printing. A report gets its index at its first line, so reports that
// two CPUs print at once appear in the order in which they began.
class Parser {
public:
    void feed(const Line& line);
    ConsoleReport finish();

private:
    void open_finding(Printing& printing, const Headline& headline, const Line& line);
    void open_task(Printing& printing, TaskDump task);
    // Ends a caller's reports: at their own end marks, when the caller starts another one, or at the end of the text.
    void close(Printing& printing);
    void supersede(Printing& printing);
    void close_all();

    ConsoleReport report_;
    bool agent_killed_ = false;  // for lack of memory; the agent is pid 1
    std::unordered_map<std::string_view, Printing> callers_;
};

void Parser::feed(const Line& line) {
    constexpr std::size_t limit = console_report_limit;
    // More callers than ever print at once. It bounds the memory that hostile text can take.
    constexpr std::size_t caller_limit = 1024;
    if (callers_.size() >= caller_limit) close_all();
    Printing& printing = callers_[line.caller];
    const std::string_view text = line.text;
    agent_killed_ = agent_killed_ || oom_victim(text) == 1;
    if (auto begun = headline(text)) {
        // do_exit(): "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000009"
        if (agent_killed_ && begun->ends_kernel && contains(text, "Attempted to kill init!"))
            begun->kind = ConsoleFindingKind::out_of_memory;
        if (printing.finding && printing.finding->continued_by(*begun)) return printing.finding->continue_with(line);
        supersede(printing);
        if (report_.findings.size() < limit) open_finding(printing, *begun, line);
        else report_.cut = true;
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
    // A prelude further away belongs to another report, whose headline was lost.
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
        case ConsoleFindingKind::lockdep_off: return "lockdep off";
        case ConsoleFindingKind::out_of_memory: return "out of memory";
        case ConsoleFindingKind::sanitizer: return "sanitizer";
        case ConsoleFindingKind::other_bug: return "bug";
    }
    return "unknown";
}

bool is_crash(ConsoleFindingKind kind) {
    return kind == ConsoleFindingKind::oops || kind == ConsoleFindingKind::panic ||
           kind == ConsoleFindingKind::sanitizer || kind == ConsoleFindingKind::other_bug;
}

bool is_panic_of_memory(const ConsoleFinding& finding) {
    return finding.kind == ConsoleFindingKind::out_of_memory && finding.headline.starts_with("Kernel panic");
}

ConsoleReport parse_console(std::string_view text) {
    const bool stamped = has_time_stamps(text);
    LineReader reader(text);
    Parser parser;
    for (Line line; reader.next(line);) {
        // A program's line neither starts a report nor ends the report that it interrupts.
        if (line.stamped || !stamped) parser.feed(line);
    }
    return parser.finish();
}

}  // namespace memrig
