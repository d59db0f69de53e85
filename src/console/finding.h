// One report of the kernel's, fed line by line after its headline.
#pragma once

#include <string_view>

#include "console/headline.h"
#include "console/lines.h"
#include "console/lockdep.h"
#include "console/report.h"
#include "console/stack.h"

namespace memrig::console {

class FindingReader {
public:
    // `first_line` is that of the prelude, where there is one.
    FindingReader(const Headline& headline, const Line& line, std::size_t first_line);

    // `next` is a further line of the same crash: "BUG: unable to handle ..." goes on with "Oops: 0000 [#1]".
    [[nodiscard]] bool continued_by(const Headline& next) const;
    void go_on(const Line& line);
    // A task's line that belongs to this report: hung task and RCU stall reports print the task.
    [[nodiscard]] bool takes_task() const;
    void add_task(const TaskDump& task, const Line& line);

    void feed(const Line& line);
    // Its caller began something else, so what it printed last has ended.
    void superseded();
    // No more is to come.
    [[nodiscard]] bool done() const { return done_ || idle_ > 64; }
    ConsoleFinding finish();

private:
    bool end_marker(std::string_view text);
    bool detail(std::string_view text);
    bool lockdep_detail(std::string_view text);
    void part(const Line& line);
    // Its call trace is the last that such a report prints.
    [[nodiscard]] bool ends_with_stack() const;

    ConsoleFinding finding_;
    StackReader stack_;
    ChainReader chain_;
    HeldLockReader held_;
    bool died_ = false;      // saw __die()'s line
    bool has_task_ = false;  // saw sched_show_task()'s line
    bool done_ = false;
    int idle_ = 0;  // lines since the last that was part of it
};

}  // namespace memrig::console
