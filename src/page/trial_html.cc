#include "page/trial_html.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "page/lanes.h"
#include "page/lock_drawing.h"
#include "page/wait_drawing.h"
#include "report/console_marks.h"

namespace memrig {

namespace {

constexpr std::size_t kMostLines = 160;
constexpr std::size_t kMostColumns = 240;
constexpr std::size_t kAround = 12;  // lines shown before and after a marked one

// Chooses the lines to show: the marked lines with those around them or, if none is marked, the last lines.
std::vector<bool> shown_of(const std::vector<ConsoleMark>& marks) {
    std::vector<bool> shown(marks.size(), false);
    std::size_t left = kMostLines;
    const auto show = [&](std::size_t i) {
        if (shown[i] || left == 0) return;
        shown[i] = true;
        left--;
    };
    for (std::size_t i = 0; i < marks.size(); i++)
        if (marks[i] == ConsoleMark::headline) show(i);
    for (std::size_t i = 0; i < marks.size(); i++) {
        if (marks[i] == ConsoleMark::none) continue;
        for (std::size_t j = i - std::min(i, kAround); j <= std::min(i + kAround, marks.size() - 1); j++) show(j);
    }
    if (left == kMostLines)
        for (std::size_t i = marks.size(); i-- > 0 && left > 0;) show(i);
    return shown;
}

std::string heading(int level) { return fmt::format("h{}", level); }

}  // namespace

void add_console(Element& parent, const std::vector<RecordedLine>& lines) {
    if (lines.empty()) {
        parent.add("p", "The console printed nothing during the trial.");
        return;
    }
    const auto marks = console_marks(lines);
    const auto shown = shown_of(marks);
    const auto marked = static_cast<std::size_t>(
        std::ranges::count_if(marks, [](ConsoleMark mark) { return mark != ConsoleMark::none; }));
    Element pre = parent.add("pre");
    pre.set("tabindex", "0").set("role", "region").set("aria-label", "Console").css("console");
    std::size_t skipped = 0;
    const auto gap = [&] {
        if (skipped > 0) pre.add("span", fmt::format("… {} left out …", counted(skipped, "line"))).css("left-out");
        if (skipped > 0) pre.text("\n");
        skipped = 0;
    };
    for (std::size_t i = 0; i < lines.size(); i++) {
        if (!shown[i]) {
            skipped++;
            continue;
        }
        gap();
        const std::string text = fmt::format("{:>10.3f}  {}", lines[i].ms, cut(one_line(lines[i].text), kMostColumns));
        // Marks a line by a sign, too, not only by colour: ▶ begins a report, │ continues it.
        if (marks[i] == ConsoleMark::none) pre.add("span", "  " + text);
        else
            pre.add("mark", (marks[i] == ConsoleMark::headline ? "▶ " : "│ ") + text)
                .css(marks[i] == ConsoleMark::headline ? "headline" : "part");
        pre.text("\n");
    }
    gap();
    parent.add("p", marked == 0
                        ? fmt::format("{}, none of them in a report of the kernel.", counted(lines.size(), "line"))
                        : fmt::format("{}, {} of them marked: ▶ begins a report of the kernel, │ continues it.",
                                      counted(lines.size(), "line"), marked));
}

Status add_trial_evidence(Element& parent, const std::filesystem::path& directory, int level) {
    MEMRIG_TRY(const TrialRecord record, read_trial_record(directory));
    const auto tracks = task_tracks(record);
    parent.add(heading(level).c_str(), "Lock holders and waiters");
    add_wait_graph(parent, wait_graph(tracks, last_moment(record)));
    parent.add(heading(level).c_str(), "Lock timeline");
    add_lanes(parent, record, tracks);
    parent.add(heading(level).c_str(), "Lock graph");
    add_lock_graph(parent, record);
    parent.add(heading(level).c_str(), "Console");
    add_console(parent, record.console);
    return {};
}

}  // namespace memrig
