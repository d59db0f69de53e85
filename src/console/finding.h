// Collects one report of the kernel, which is fed line by line after its headline.
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
    // `first_line`: the line of the prelude if there is one, else that of the headline.
    FindingReader(const Headline& headline, const Line& line, std::size_t first_line);

    // Whether `next` is a further line of the same crash: "Oops: 0000 [#1]" follows "BUG: unable to handle ...".
    [[nodiscard]] bool continued_by(const Headline& next) const;
    void continue_with(const Line& line);
    // True if a task's line belongs to this report: hung task and RCU stall reports print the task.
    [[nodiscard]] bool takes_task() const;
    void add_task(const TaskDump& task, const Line& line);

    void feed(const Line& line);
    // Tells the report that its caller has started to print something else, so the report's last part has ended.
    void superseded();
    // No further line belongs to the report.
    [[nodiscard]] bool done() const { return done_ || idle_ > 64; }
    ConsoleFinding finish();

private:
    bool end_marker(std::string_view text);
    bool detail(std::string_view text);
    bool lockdep_detail(std::string_view text);
    void accept(const Line& line);

    ConsoleFinding finding_;
    StackReader stack_;
    ChainReader chain_;
    HeldLockReader held_;
    bool died_ = false;             // __die()'s line was seen
    bool ends_kernel_ = false;      // panic() prints it
    bool ends_with_stack_ = false;  // it ends with its call trace, and has no end marker
    bool has_task_ = false;         // sched_show_task()'s line was seen
    bool done_ = false;
    int idle_ = 0;  // lines since the last one that belongs to the report
};

}  // namespace memrig::console
