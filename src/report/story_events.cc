// The events of a trial's story: the rows of its time axis, and the lanes of its tasks.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "report/console_marks.h"
#include "report/story.h"

namespace memrig {

namespace {

constexpr std::size_t kMostLanes = 6;
constexpr std::size_t kMostRows = 160;
// The console has lines before the kernel's first report, lines after it, and the lines of a report.
constexpr std::size_t kMostLinesBefore = 12, kMostLinesAfter = 4, kMostReportRows = 7;
constexpr std::size_t kRowColumns = 400, kConsoleColumns = 120;
constexpr double kShortWait = 50;  // ms: a wait that is shorter, and that nobody caused, has no row
// With more slices than this, no call path is shown: each would be compared with each.
constexpr std::size_t kMostCompared = 5000;

// Events of QEMU that the probe itself causes at every stop, and that a restore causes.
constexpr std::array kOwnEvents = {"STOP", "RESUME", "MIGRATION"};

std::string short_name(const TaskTrack& track) { return track.label.substr(0, track.label.find(" (")); }

std::string row_text(std::string_view text) { return cut(one_line(text), kRowColumns); }

bool lasts_at(const TaskSlice& slice, double ms) { return slice.from <= ms && (!slice.to || *slice.to > ms); }

std::string placed(const std::string& text, const std::string& where) {
    return where.empty() || where == "(empty)" ? text : fmt::format("{} ({})", text, where);
}

class Teller {
public:
    Teller(Story& story, const TrialRecord& record, const std::vector<TaskTrack>& tracks)
        : story_(story),
          record_(record),
          end_(last_moment(record)),
          chosen_(tracks_that_matter(tracks, end_, kMostLanes)) {
        story_.other_tasks = tracks.size() - chosen_.size();
        std::size_t slices = 0;
        for (const auto* track : chosen_) {
            story_.tasks.push_back({short_name(*track), track->label});
            slices += track->slices.size() + track->instants.size();
        }
        compares_ = slices <= kMostCompared;
    }

    void tell() {
        for (std::size_t i = 0; i < chosen_.size(); i++) add_task(*chosen_[i], i);
        add_steps();
        add_qmp();
        add_console();
        std::ranges::stable_sort(rows_, {}, [](const Row& row) { return std::pair(row.shown.ms, row.rank); });
        fold_repeated();
        leave_out_some();
        number_locks();
        std::set<std::pair<std::string, std::string>> told;
        for (auto& row : rows_) {
            // A task that tries again has its path only once.
            if (!told.emplace(row.shown.task, row.shown.text).second) row.shown.path.clear();
            for (std::size_t i = 0; i < chosen_.size(); i++)
                row.shown.lanes.push_back(state_of(*chosen_[i], row.shown.ms, row.lane == i ? row.refused : nullptr));
            story_.rows.push_back(std::move(row.shown));
        }
    }

private:
    struct Row {
        StoryRow shown;
        int rank = 0;  // the order of rows of the same moment
        bool matters = false;
        std::size_t lane = SIZE_MAX;
        const TrackDetails* refused = nullptr;
    };

    Row& add(double ms, RowKind kind, std::string text, int rank) {
        Row row;
        row.shown.ms = ms;
        row.shown.kind = kind;
        row.shown.text = std::move(text);
        row.rank = rank;
        return rows_.emplace_back(std::move(row));
    }
    Row& add_of(std::size_t lane, double ms, const std::string& text, int rank) {
        Row& row = add(ms, RowKind::task, row_text(text), rank);
        row.shown.task = story_.tasks[lane].name;
        row.lane = lane;
        return row;
    }
    static void show_path(Row& row, const TrackDetails& details) {
        row.matters = true;
        row.shown.path = details.path;
    }

    // --- tasks

    // Returns true if another task keeps this one from the lock at that moment.
    [[nodiscard]] bool is_contended(const TaskTrack& track, const TrackDetails& lock, double at) const {
        return compares_ && std::ranges::any_of(chosen_, [&](const TaskTrack* other) {
                   return other != &track && std::ranges::any_of(other->slices, [&](const TaskSlice& slice) {
                              return hinders(slice, lock, at, at);
                          });
               });
    }
    // Returns true if another task wants the lock while this one holds it, and has to wait or is refused.
    [[nodiscard]] bool keeps_another_out(const TaskTrack& track, const TaskSlice& held) const {
        return compares_ && std::ranges::any_of(chosen_, [&](const TaskTrack* other) {
                   if (other == &track) return false;
                   return std::ranges::any_of(other->slices,
                                              [&](const TaskSlice& slice) {
                                                  return slice.kind == SliceKind::wait &&
                                                         hinders(held, slice.details, slice.from, slice.from);
                                              }) ||
                          std::ranges::any_of(other->instants, [&](const TaskInstant& instant) {
                              return instant.refused && hinders(held, instant.details, instant.at, instant.at);
                          });
               });
    }

    void add_task(const TaskTrack& track, std::size_t lane) {
        for (const auto& slice : track.slices) switch (slice.kind) {
                case SliceKind::lock: add_hold(track, slice, lane); break;
                case SliceKind::wait: add_wait(track, slice, lane); break;
                case SliceKind::hold: add_of(lane, slice.from, slice.name, 1).matters = true; break;
            }
        for (const auto& instant : track.instants) add_instant(track, instant, lane);
    }
    void add_hold(const TaskTrack& track, const TaskSlice& slice, std::size_t lane) {
        Row& taken = add_of(lane, slice.from, placed("takes " + slice.details.lock, slice.details.where), 1);
        if (keeps_another_out(track, slice)) show_path(taken, slice.details);
        if (slice.to)
            add_of(lane, *slice.to,
                   slice.mark.empty() ? "releases " + slice.details.lock
                                      : fmt::format("no longer holds {} ({})", slice.details.lock, slice.mark),
                   0);
    }
    void add_wait(const TaskTrack& track, const TaskSlice& slice, std::size_t lane) {
        const bool contended = is_contended(track, slice.details, slice.from);
        if (slice.to && slice.mark.empty() && !contended && *slice.to - slice.from < kShortWait) return;
        std::string text = placed("wants " + slice.details.lock, slice.details.where);
        if (!slice.mark.empty()) text += ": " + slice.mark;
        Row& row = add_of(lane, slice.from, text, 1);
        row.shown.grave = !slice.to;
        if (!slice.to || contended) show_path(row, slice.details);
    }
    void add_instant(const TaskTrack& track, const TaskInstant& instant, std::size_t lane) {
        if (instant.category == "held") return;  // its slice has a row
        if (instant.category == "lock") {
            Row& row = add_of(lane, instant.at, placed(instant.name, instant.details.where), 1);
            row.shown.grave = instant.refused;
            if (instant.refused) row.refused = &instant.details;
            if (instant.refused && is_contended(track, instant.details, instant.at)) show_path(row, instant.details);
            return;
        }
        Row& row = add_of(lane, instant.at, words_for(instant), 2);
        row.matters = instant.category == "evidence" || instant.category == "crash";
        row.shown.grave = instant.category == "crash";
        if (instant.category == "crash") row.shown.path = path_of_crash();
    }
    static std::string words_for(const TaskInstant& instant) {
        const std::string& text = instant.details.text;
        if (instant.category == "enters" || instant.category == "leaves") return instant.category + " " + text;
        if (instant.category == "evidence") return "seen: " + text;
        if (instant.category == "rung") return "starts: " + text;  // its doorbell
        return instant.name;
    }
    [[nodiscard]] std::vector<std::string> path_of_crash() const {
        for (const auto& finding : story_.result.findings)
            if (const auto* crash = std::get_if<CrashKey>(&finding.key)) return crash->path;
        return {};
    }

    // --- the rig

    void add_steps() {
        std::size_t number = 0;
        for (const auto& event : record_.happenings) {
            if (event.actor != "rig") continue;
            const bool step = event.what == "step";
            if (step) number++;
            Row& row = add(
                event.ms, RowKind::step,
                row_text(step ? fmt::format("step {}: {}", number, event.text) : event.what + ": " + event.text), 3);
            row.matters = true;
        }
    }
    // The messages before the schedule and after its last event are the rig's own.
    [[nodiscard]] bool in_schedule(double ms) const {
        return record_.happenings.empty() ||
               (ms >= record_.happenings.front().ms && ms <= record_.happenings.back().ms);
    }
    void add_qmp() {
        for (const auto& message : record_.qmp) {
            if (message.kind == QmpKind::answer || !in_schedule(message.ms)) continue;
            if (message.kind == QmpKind::event && std::ranges::find(kOwnEvents, message.name) != kOwnEvents.end())
                continue;
            const char* what = message.kind == QmpKind::command ? "QMP: sends "
                               : message.kind == QmpKind::error ? "QMP: error: "
                                                                : "QMP: event ";
            Row& row = add(message.ms, RowKind::qmp, row_text(what + message.name), 4);
            row.shown.grave = message.kind == QmpKind::error;
        }
    }
    // Shows the beginning of each report, the lines before the first report, and a few that follow reports. The parser
    // does not know the end of a report that the console cut off, so the rest of it may follow.
    void add_console() {
        const auto marks = console_marks(record_.console);
        const auto first = std::ranges::find_if(marks, [](ConsoleMark mark) { return mark != ConsoleMark::none; });
        const auto before = static_cast<std::size_t>(first - marks.begin());
        const std::size_t begin = before - std::min(before, kMostLinesBefore);
        std::size_t after = 0, of_report = 0, left_out = begin;
        for (std::size_t i = begin; i < marks.size(); i++) {
            const std::string text = cut(row_text(record_.console[i].text), kConsoleColumns);
            if (text.empty()) continue;
            const double ms = record_.console[i].ms;
            if (marks[i] == ConsoleMark::none) {
                of_report = 0;
                if (i < before || ++after <= kMostLinesAfter) add(ms, RowKind::console, "console: " + text, 5);
                else left_out++;
                continue;
            }
            const bool headline = marks[i] == ConsoleMark::headline;
            if (headline) of_report = 0;
            if (++of_report > kMostReportRows) {
                left_out++;
                continue;
            }
            Row& row = add(ms, RowKind::report, (headline ? "console ▶ " : "console │ ") + text, 5);
            row.matters = row.shown.grave = headline;
        }
        if (left_out > 0)
            add(record_.console.back().ms, RowKind::console,
                fmt::format("console: {} more in console.log", counted(left_out, "line")), 6);
    }

    // --- the whole

    // A poll is one row.
    void fold_repeated() {
        std::vector<Row> folded;
        std::size_t times = 1;
        const auto count = [&] {
            if (times > 1) folded.back().shown.text += fmt::format(" ({} times)", times);
            times = 1;
        };
        std::string last;
        for (auto& row : rows_) {
            const bool repeats = !folded.empty() && row.shown.kind == RowKind::qmp &&
                                 folded.back().shown.kind == RowKind::qmp && row.shown.text == last;
            if (repeats) {
                times++;
                continue;
            }
            count();
            last = row.shown.text;
            folded.push_back(std::move(row));
        }
        count();
        rows_ = std::move(folded);
    }
    // Keeps the rows that matter and the latest of the others, and counts the rest.
    void leave_out_some() {
        if (rows_.size() <= kMostRows) return;
        std::vector<bool> kept(rows_.size());
        std::size_t room = kMostRows;
        for (const bool matters : {true, false})
            for (std::size_t i = rows_.size(); i-- > 0 && room > 0;)
                if (rows_[i].matters == matters) {
                    kept[i] = true;
                    room--;
                }
        std::vector<Row> rows;
        std::size_t gap = 0;
        for (std::size_t i = 0; i < rows_.size(); i++) {
            if (!kept[i]) {
                gap++;
                continue;
            }
            rows_[i].shown.left_out_before = std::exchange(gap, 0);
            rows.push_back(std::move(rows_[i]));
        }
        rows_ = std::move(rows);
    }

    // Numbers the locks in the order in which the tasks first come to them.
    void number_locks() {
        std::map<double, std::vector<const TrackDetails*>> firsts;
        for (const auto* track : chosen_) {
            for (const auto& slice : track->slices)
                if (slice.kind != SliceKind::hold) firsts[slice.from].push_back(&slice.details);
            for (const auto& instant : track->instants)
                if (instant.refused) firsts[instant.at].push_back(&instant.details);
        }
        for (const auto& [ms, locks] : firsts)
            for (const auto* lock : locks)
                if (numbers_.try_emplace({plain_lock(*lock), lock->instance}, story_.locks.size()).second)
                    story_.locks.push_back(plain_lock(*lock));
    }
    [[nodiscard]] std::size_t number_of(const TrackDetails& lock) const {
        return numbers_.at({plain_lock(lock), lock.instance});
    }
    [[nodiscard]] LaneState state_of(const TaskTrack& track, double ms, const TrackDetails* refused) const {
        LaneState state;
        for (const auto& slice : track.slices) {
            if (!lasts_at(slice, ms)) continue;
            if (slice.kind == SliceKind::lock) state.held.push_back(number_of(slice.details));
            else if (slice.kind == SliceKind::wait) state.waits = number_of(slice.details);
            else state.held_still = true;
        }
        std::ranges::sort(state.held);
        state.held.erase(std::ranges::unique(state.held).begin(), state.held.end());
        if (refused != nullptr) state.refused = number_of(*refused);
        return state;
    }

    Story& story_;
    const TrialRecord& record_;
    double end_;
    std::vector<const TaskTrack*> chosen_;
    bool compares_ = true;
    std::vector<Row> rows_;
    std::map<std::pair<std::string, std::string>, std::size_t> numbers_;
};

}  // namespace

void tell_events(Story& story, const TrialRecord& record, const std::vector<TaskTrack>& tracks) {
    Teller(story, record, tracks).tell();
}

}  // namespace memrig
