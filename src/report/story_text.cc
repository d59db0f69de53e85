#include "report/story_text.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/table.h"
#include "report/summary.h"

namespace memrig {

namespace {

constexpr std::size_t kTimeColumns = 10;
constexpr std::size_t kMostCellColumns = 12;
constexpr std::size_t kMostDetails = 12, kMostOtherDetails = 5;  // of the finding that decided, and of another one
constexpr std::size_t kMostDetailColumns = 1200;
constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

char letter_of(std::size_t lock) { return lock < kLetters.size() ? kLetters[lock] : '+'; }

std::string cell_of(const LaneState& lane) {
    std::string cell = lane.held_still ? "=" : "";
    for (const std::size_t lock : lane.held) cell += letter_of(lock);
    if (lane.waits) cell += std::string(cell.empty() ? "" : " ") + "?" + letter_of(*lane.waits);
    if (lane.refused) cell += std::string(cell.empty() ? "" : " ") + "!" + letter_of(*lane.refused);
    return cell.empty() ? "·" : cut(cell, kMostCellColumns);
}

// A command keeps its words: they can be copied.
std::vector<std::string> broken(std::string_view text, std::size_t width, std::size_t indent) {
    return broken_lines(text, width, indent, LongWord::kept);
}

class Printer {
public:
    Printer(const Story& story, std::size_t width, const Paint& paint, const LineLookup& lines)
        : story_(story), width_(std::clamp(width, kLeastStoryWidth, kMostStoryWidth)), paint_(paint), lines_(lines) {}

    std::string print() && {
        title();
        why();
        contention();
        events();
        doubts();
        again();
        return std::move(out_);
    }

private:
    void line(const std::string& text) { out_ += text + "\n"; }
    void heading(const std::string& text) { out_ += "\n" + paint_.heading(text) + "\n"; }
    void paragraph(std::string_view text, std::size_t indent, std::size_t hanging = 0) {
        for (auto& one : broken(text, width_ - indent, hanging)) line(std::string(indent, ' ') + one);
    }
    [[nodiscard]] std::string path_text(const std::vector<std::string>& path) const {
        std::vector<std::string> places;
        for (const auto& place : path) {
            const std::string at = lines_ ? lines_(place) : "";
            places.push_back(one_line(place) + (at.empty() ? "" : " (" + one_line(at) + ")"));
        }
        return fmt::format("{}", fmt::join(places, " < "));
    }

    void title() {
        const TrialResult& result = story_.result;
        const TrialRecipe& recipe = story_.recipe;
        const std::string verdict =
            has_gaps(result.findings) && result.verdict == Verdict::held ? kHeldWithGaps : to_string(result.verdict);
        const std::string shown = result.as_expected ? paint_.good(verdict) : paint_.bad(verdict);
        std::string expectation = result.as_expected ? "as expected" : "not as expected";
        if (!story_.expected.empty() && !result.as_expected) expectation += ": " + verdict_list(story_.expected);
        line(fmt::format("{} ({})", shown, expectation));
        paragraph(one_line(fmt::format("{}, arm {}, trial {}, {} mode, seed {}", recipe.scenario, recipe.arm,
                                       recipe.number, to_string(recipe.manner.mode), recipe.seed)),
                  0, 2);
        if (!story_.purpose.empty()) paragraph(fmt::format("The arm: {}.", story_.purpose), 0, 2);
        paragraph(one_line(fmt::format("Kernel {} ({}) on {}, {}", recipe.kernel, recipe.kernel_release, recipe.bench,
                                       recipe.qemu_version)),
                  0, 2);
        for (const auto& [choice, value] : result.choices)
            paragraph(one_line(fmt::format("Choice: {}={}", choice, value)), 0, 2);
    }

    void why() {
        heading("Why");
        const auto& findings = story_.result.findings;
        if (findings.empty() || findings.front().summary != story_.result.reason)
            paragraph(one_line(story_.result.reason), 2);
        for (std::size_t i = 0; i < findings.size(); i++) {
            const Finding& finding = findings[i];
            paragraph(one_line(fmt::format("{} ({}): {}", finding.oracle, to_string(finding.verdict), finding.summary)),
                      2, 2);
            details_of(finding, i == 0 ? kMostDetails : kMostOtherDetails);
        }
    }
    void details_of(const Finding& finding, std::size_t most) {
        if (const auto* crash = std::get_if<CrashKey>(&finding.key);
            crash != nullptr && crash->path == finding.details) {
            if (!crash->path.empty()) paragraph("in " + path_text(crash->path), 6, 3);
            return;
        }
        std::vector<std::string> details;
        for (const auto& detail : finding.details)
            if (detail != finding.summary) details.push_back(cut(one_line(detail), kMostDetailColumns));
        for (std::size_t i = 0; i < std::min(most, details.size()); i++) {
            // The drawing of a cycle is indented.
            const std::size_t indent = std::min<std::size_t>(details[i].find_first_not_of(" |'-"), 12);
            paragraph(with_lines(details[i]), 6, indent + 2);
        }
        if (details.size() > most) line(fmt::format("      … {} more in verdict.json", details.size() - most));
    }
    // Adds file and line to the places in a text: words such as "online_store+0x47".
    [[nodiscard]] std::string with_lines(const std::string& text) const {
        if (!lines_) return text;
        std::string out;
        for (std::size_t at = 0; at <= text.size();) {
            const std::size_t end = std::min(text.find_first_of(" ,()", at), text.size());
            const std::string word = text.substr(at, end - at);
            out += word;
            if (word.contains("+0x"))
                if (const std::string place = lines_(word); !place.empty()) out += " (" + one_line(place) + ")";
            if (end < text.size()) out += text[end];
            at = end + 1;
        }
        return out;
    }

    void contention() {
        const WaitGraph& graph = story_.graph;
        heading("Holders and waiters");
        if (graph.locks.empty()) {
            line("  No task wanted a lock that another task held.");
            return;
        }
        paragraph(moment_text(graph) + ", by the lock ledger:", 2);
        if (!graph.cycle.empty()) paragraph(paint_.bad("The cycle: ") + graph.cycle + ".", 2, 2);
        for (const auto& edge : graph.edges) paragraph("- " + with_lines(edge_text(graph, edge)), 2, 2);
    }

    // --- the time axis

    void events() {
        heading("Events");
        if (story_.rows.empty()) {
            line("  The evidence has no events.");
            return;
        }
        lay_out();
        legend();
        std::string head = fmt::format("{:>{}}", "ms", kTimeColumns);
        for (std::size_t i = 0; i < widths_.size(); i++)
            head += "  " + padded(cut(story_.tasks[i].name, widths_[i]), widths_[i]);
        while (head.ends_with(' ')) head.pop_back();
        line(paint_.heading(head));
        for (const auto& row : story_.rows) add(row);
    }
    // Gives a lane to each task, as long as they take no more than 2/5 of the line.
    void lay_out() {
        std::size_t used = kTimeColumns + 2;
        for (std::size_t i = 0; i < story_.tasks.size(); i++) {
            std::size_t wide = std::min(columns(story_.tasks[i].name), kMostCellColumns);
            for (const auto& row : story_.rows) wide = std::max(wide, columns(cell_of(row.lanes[i])));
            if (i > 0 && used + wide + 2 > kTimeColumns + width_ * 2 / 5) break;
            used += wide + 2;
            widths_.push_back(wide);
        }
        left_ = used;
    }
    static std::string padded(const std::string& text, std::size_t width) {
        return text + std::string(width - std::min(width, columns(text)), ' ');
    }
    void legend() {
        std::string locks;
        for (std::size_t i = 0; i < story_.locks.size() && i < kLetters.size(); i++)
            // Blanks within an entry are no place to break the line.
            locks += fmt::format("{}{}={}", i == 0 ? "" : ", ", letter_of(i), one_line(story_.locks[i]));
        if (story_.locks.size() > kLetters.size()) locks += ", +=any other lock";
        std::string labels;
        for (const auto& task : story_.tasks)
            if (task.label != task.name) labels += (labels.empty() ? "" : ", ") + task.label;
        if (!labels.empty()) paragraph("Tasks: " + labels + ".", 2, 2);
        if (!locks.empty()) paragraph("Locks: " + locks + ".", 2, 2);
        if (!story_.tasks.empty())
            paragraph(
                "In a task's lane: the locks that it holds, ?x a lock that it waits for, !x one that it is "
                "refused, = held still by the probe.",
                2, 2);
        if (widths_.size() < story_.tasks.size())
            paragraph(fmt::format("{} without a lane: the line is too narrow.",
                                  counted(story_.tasks.size() - widths_.size(), "task")),
                      2, 2);
        if (story_.other_tasks > 0)
            paragraph(
                fmt::format("{} left out: no actor, and in no actor's way.", counted(story_.other_tasks, "other task")),
                2, 2);
    }
    void add(const StoryRow& row) {
        if (row.left_out_before > 0)
            line(fmt::format("{:>{}}  … {} left out", "", kTimeColumns, counted(row.left_out_before, "event")));
        std::string left = fmt::format("{:>{}.3f}", row.ms, kTimeColumns);
        for (std::size_t i = 0; i < widths_.size(); i++) left += "  " + padded(cell_of(row.lanes[i]), widths_[i]);
        left += "  ";
        const std::string text = (row.task.empty() ? "" : row.task + " ") + with_lines(row.text);
        const auto lines = broken(text, width_ - left_, 2);
        for (std::size_t i = 0; i < lines.size(); i++) {
            const std::string shown = row.grave                   ? paint_.bad(lines[i])
                                      : row.kind == RowKind::step ? paint_.heading(lines[i])
                                                                  : lines[i];
            line((i == 0 ? left : std::string(left_, ' ')) + shown);
        }
        // The text often has the innermost function already.
        std::vector<std::string> path = row.path;
        const bool has_first = !path.empty() && row.text.contains("(" + path.front() + ")");
        if (has_first) path.erase(path.begin());
        if (path.empty()) return;
        for (const auto& one : broken((has_first ? "called by " : "in ") + path_text(path), width_ - left_ - 2, 2))
            line(std::string(left_ + 2, ' ') + one);
    }

    void doubts() {
        heading("What would make it wrong");
        for (const auto& doubt : story_.doubts) paragraph("- " + doubt, 2, 2);
    }
    void again() {
        heading("Again");
        paragraph(one_line(fmt::format("Needs the kernel {} (sha256 {}) and {}.", story_.recipe.kernel,
                                       story_.recipe.kernel_sha256.substr(0, 12), story_.recipe.qemu_version)),
                  2);
        for (const auto& command : story_.again) line("  " + one_line(command));
    }

    const Story& story_;
    std::size_t width_;
    const Paint& paint_;
    const LineLookup& lines_;
    std::string out_;
    std::vector<std::size_t> widths_;  // of the lanes
    std::size_t left_ = 0;             // the columns before an event's text
};

}  // namespace

std::string story_text(const Story& story, std::size_t width, const Paint& paint, const LineLookup& lines) {
    return Printer(story, width, paint, lines).print();
}

}  // namespace memrig
