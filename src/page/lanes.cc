#include "page/lanes.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "page/time_axis.h"

namespace memrig {

namespace {

constexpr std::size_t kMostTracks = 10;
constexpr std::size_t kMostPieces = 240;
constexpr std::size_t kMostSteps = 40;
constexpr std::size_t kMostRows = 150;
// Sizes in units of the drawing. kColumn is the width of a letter.
constexpr double kMargin = 12, kTop = 34, kRow = 20, kLabel = 26, kColumn = 6.4;

// A slice or an instant of a track in the drawing.
struct Piece {
    std::size_t track = 0;
    double from = 0, to = 0;
    std::string name, kind, where, mark;
    bool open = false;
};

struct Lanes {
    std::vector<std::string> labels;
    std::vector<Piece> pieces;  // by time
    std::vector<std::pair<double, std::string>> steps;
    std::size_t other_tasks = 0, earlier = 0, more_steps = 0;
};

std::string kind_of(const TaskInstant& instant) {
    if (instant.refused) return "refused";
    return instant.category == "crash" ? "crash" : "other";
}

Lanes lanes_of(const TrialRecord& record, const std::vector<TaskTrack>& tracks) {
    Lanes lanes;
    const double last = last_moment(record);
    const auto chosen = tracks_that_matter(tracks, last, kMostTracks);
    lanes.other_tasks = tracks.size() - chosen.size();
    for (std::size_t i = 0; i < chosen.size(); i++) {
        lanes.labels.push_back(chosen[i]->label);
        for (const auto& slice : chosen[i]->slices)
            lanes.pieces.push_back({i, slice.from, slice.to.value_or(last), slice.name, to_string(slice.kind),
                                    slice.details.where, slice.mark, !slice.to});
        for (const auto& instant : chosen[i]->instants)
            lanes.pieces.push_back(
                {i, instant.at, instant.at, instant.name, kind_of(instant), instant.details.where, {}, false});
    }
    // If there are too many pieces, keeps those that are open at the end, which a deadlock is made of, then the latest.
    std::ranges::stable_sort(
        lanes.pieces, [](const Piece& a, const Piece& b) { return a.open != b.open ? a.open : a.from > b.from; });
    if (lanes.pieces.size() > kMostPieces) {
        lanes.earlier = lanes.pieces.size() - kMostPieces;
        lanes.pieces.resize(kMostPieces);
    }
    std::ranges::stable_sort(
        lanes.pieces, [](const Piece& a, const Piece& b) { return a.from != b.from ? a.from < b.from : a.to > b.to; });
    for (const auto& happening : record.happenings)
        if (happening.actor == "rig" && (happening.what == "step" || happening.what == "stuck"))
            lanes.steps.emplace_back(happening.ms,
                                     happening.what == "step" ? happening.text : "stuck: " + happening.text);
    if (lanes.steps.size() > kMostSteps) {
        lanes.more_steps = lanes.steps.size() - kMostSteps;
        lanes.steps.erase(lanes.steps.begin(), lanes.steps.end() - kMostSteps);
    }
    return lanes;
}

TimeAxis axis_of(const Lanes& lanes) {
    std::vector<double> moments;
    for (const auto& piece : lanes.pieces) moments.insert(moments.end(), {piece.from, piece.to});
    for (const auto& step : lanes.steps) moments.push_back(step.first);
    if (moments.empty()) moments.push_back(0);
    return {std::move(moments), 700, 2200};
}

std::string told(const Piece& piece) {
    std::string text = piece.name;
    if (!piece.where.empty() && piece.where != "(empty)") text += " (" + piece.where + ")";
    if (!piece.mark.empty()) text += ": " + piece.mark;
    return text;
}

class Drawing {
public:
    Drawing(Element& parent, const Lanes& lanes) : lanes_(lanes), axis_(axis_of(lanes)) {
        place();
        const double height = tops_.back() + 8;
        double width = axis_.width();
        for (const auto& piece : lanes.pieces) width = std::max(width, axis_.at(piece.from) + extent(piece));
        svg_ = add_drawing(
            parent, width + 2 * kMargin, height,
            fmt::format("Lock timeline: {}; the same follows as a table", counted(lanes.labels.size(), "task")));
        svg_.css("lanes");
        axis(height);
        for (std::size_t i = 0; i < lanes.labels.size(); i++) {
            svg_.add("line")
                .css("edge")
                .set("x1", 0.0)
                .set("x2", width + 2 * kMargin)
                .set("y1", tops_[i])
                .set("y2", tops_[i]);
            svg_.add("text", cut(lanes.labels[i], 100)).css("name").set("x", kMargin).set("y", tops_[i] + 14);
        }
        for (std::size_t i = 0; i < lanes.pieces.size(); i++) draw(lanes.pieces[i], rows_[i]);
    }

private:
    [[nodiscard]] double x(double ms) const { return kMargin + axis_.at(ms); }
    static bool is_point(const Piece& piece) { return piece.kind == "refused" || piece.kind == "crash"; }
    // The width that it takes in its row. Names that are cut are in the table.
    [[nodiscard]] double extent(const Piece& piece) const {
        if (is_point(piece)) return 16 + kColumn * static_cast<double>(columns(cut(piece.name, 44)));
        return std::max(2.0, x(piece.to) - x(piece.from));
    }

    // Puts each piece into the first free row of its lane. A task's other events are ticks next to its name.
    void place() {
        std::vector<std::vector<double>> ends(lanes_.labels.size());
        for (const auto& piece : lanes_.pieces) {
            auto& rows = ends[piece.track];
            std::size_t row = 0;
            if (piece.kind != "other") {
                while (row < rows.size() && rows[row] > x(piece.from)) row++;
                if (row == rows.size()) rows.push_back(0);
                rows[row] = x(piece.from) + extent(piece) + 1;
            }
            rows_.push_back(row);
        }
        double top = kTop;
        for (const auto& rows : ends) {
            tops_.push_back(top);
            top += kLabel + kRow * static_cast<double>(rows.size()) + 8;
        }
        tops_.push_back(top);
    }

    void axis(double height) {
        for (const double ms : axis_.ticks(74)) {
            svg_.add("line").css("grid").set("x1", x(ms)).set("x2", x(ms)).set("y1", kTop - 4).set("y2", height);
            svg_.add("text", fmt::format("{:.1f}", ms)).css("tick").set("x", x(ms) + 2).set("y", 12.0);
        }
        double free = 0;  // a number that would overlap the one before is left out
        for (std::size_t i = 0; i < lanes_.steps.size(); i++) {
            const double at = x(lanes_.steps[i].first);
            Element line = svg_.add("line");
            line.css("step").set("x1", at).set("x2", at).set("y1", kTop - 8).set("y2", height);
            line.add("title", fmt::format("step {}: {}", i + 1, cut(one_line(lanes_.steps[i].second), 160)));
            if (at < free) continue;
            svg_.add("text", fmt::format("{}", i + 1)).css("stepno").set("x", at + 2).set("y", kTop - 6);
            free = at + 16;
        }
    }

    void draw(const Piece& piece, std::size_t row) {
        const double left = x(piece.from), top = tops_[piece.track] + kLabel + kRow * static_cast<double>(row);
        Element group = svg_.add("g");
        group.css(piece.kind + (piece.open ? " open" : ""));
        group.add("title", fmt::format("{:.3f} ms: {}", piece.from, told(piece)));
        if (piece.kind == "other") {
            group.add("path").set("d", fmt::format("M{:.1f} {:.1f}l3 -5h-6z", left, tops_[piece.track] + kLabel - 1));
            return;
        }
        if (is_point(piece)) {
            group.add("path").set("d", fmt::format("M{:.1f} {:.1f}l8 8m0 -8l-8 8", left, top + 4));
            group.add("text", cut(piece.name, 44)).set("x", left + 12).set("y", top + 13);
            return;
        }
        const double width = extent(piece);
        group.add("rect").set("x", left).set("y", top + 1).set("width", width).set("height", kRow - 3).set("rx", 2.0);
        const auto room = static_cast<std::size_t>(std::max(0.0, (width - 6) / kColumn));
        const std::string text = piece.open ? piece.name + " (" + piece.mark + ")" : piece.name;
        if (room >= 4) group.add("text", cut(text, room)).set("x", left + 4).set("y", top + 13);
    }

    const Lanes& lanes_;
    TimeAxis axis_;
    std::vector<std::size_t> rows_;  // by piece: the row within its lane
    std::vector<double> tops_;       // by lane: its top; then the end of the last lane
    Element svg_{pugi::xml_node()};
};

void add_legend(Element& parent) {
    Element legend = parent.add("p");
    legend.css("legend");
    for (const auto& [kind, text] : {std::pair{"lock", "held (plain)"},
                                     {"wait", "waits (hatched)"},
                                     {"refused", "✕ refused, or crashed"},
                                     {"hold", "held still by the probe (dashed)"}})
        legend.add("span", text).css(std::string("key ") + kind);
    legend.text(
        "Time runs to the right, in milliseconds from the trial's origin; long times between events are shortened. ▾ "
        "marks another event of the task; the numbered lines are the steps below.");
}

void add_events(Element& parent, const Lanes& lanes) {
    Element details =
        add_details(parent, fmt::format("The lanes as a table ({})", counted(lanes.pieces.size(), "event")));
    Element rows = add_table(details, "Events of the tasks", {"from (ms)", "to (ms)", "task", "event"});
    const std::size_t shown = std::min(lanes.pieces.size(), kMostRows), first = lanes.pieces.size() - shown;
    for (std::size_t i = first; i < lanes.pieces.size(); i++) {
        const Piece& piece = lanes.pieces[i];
        Element row = rows.add("tr");
        row.add("td", fmt::format("{:.3f}", piece.from)).css("number");
        row.add("td", piece.from == piece.to ? "" : piece.open ? "end" : fmt::format("{:.3f}", piece.to)).css("number");
        row.add("td", lanes.labels[piece.track]);
        row.add("td", (piece.kind == "lock" ? "holds " : "") + told(piece));
    }
    if (first > 0)
        details.add("p", fmt::format("{} before these are left out.", counted(first, "event"))).css("left-out");
}

}  // namespace

void add_lanes(Element& parent, const TrialRecord& record, const std::vector<TaskTrack>& tracks) {
    const Lanes lanes = lanes_of(record, tracks);
    if (lanes.pieces.empty()) {
        parent.add("p", "This trial's evidence has no events of a task, so there is no timeline.");
        return;
    }
    Drawing(parent, lanes);
    add_legend(parent);
    if (lanes.other_tasks > 0)
        parent
            .add("p", fmt::format("{} left out: no actor, and no holder of a lock that an actor had to wait for.",
                                  counted(lanes.other_tasks, "task")))
            .css("left-out");
    if (lanes.earlier > 0)
        parent
            .add("p", fmt::format("{} left out; memrig report --format trace has them all.",
                                  counted(lanes.earlier, "earlier event")))
            .css("left-out");
    if (!lanes.steps.empty()) {
        Element details = add_details(parent, fmt::format("The schedule's steps ({})", lanes.steps.size()));
        Element list = details.add("ol");
        for (const auto& [ms, text] : lanes.steps)
            list.add("li", fmt::format("{:.3f} ms: {}", ms, cut(one_line(text), 200)));
        if (lanes.more_steps > 0)
            details.add("p", fmt::format("{} before these are left out.", counted(lanes.more_steps, "step")))
                .css("left-out");
    }
    add_events(parent, lanes);
}

}  // namespace memrig
