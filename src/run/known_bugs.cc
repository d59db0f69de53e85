#include "run/known_bugs.h"

#include <algorithm>
#include <mutex>
#include <set>
#include <thread>

#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/exit_status.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/journal.h"
#include "base/json_text.h"
#include "base/paths.h"
#include "base/stop_request.h"
#include "kernel/catalogue.h"
#include "run/shared_observer.h"
#include "scenario/bug_reader.h"

namespace memrig {

namespace {

constexpr std::int64_t kUnshownFirstYear = 1991, kUnshownLastYear = 2100;

std::string parent_kernel(const std::string& id) { return id.substr(0, id.find('+')); }

bool plays_on(const KnownBug& bug, const std::vector<std::string>& kernels) {
    return kernels.empty() || std::ranges::any_of(kernels, [&](const std::string& kernel) {
               return parent_kernel(bug.guilty.kernel) == kernel;
           });
}

Result<std::vector<BugRow>> bug_rows(const KnownBugsSpec& spec) {
    for (const auto& kernel : spec.kernels) MEMRIG_CHECK(find_kernel(kernel));
    std::vector<BugRow> rows;
    for (const auto& name : spec.bugs.empty() ? known_bug_names() : spec.bugs) {
        MEMRIG_TRY(Scenario scenario, load_scenario(name));
        if (!scenario.bug)
            return fail(Fault::user_input, "scenario {} is about no known bug: it has no table [bug]", scenario.name);
        if (!plays_on(*scenario.bug, spec.kernels)) continue;
        BugRow row{scenario.name, *scenario.bug, {scenario.bug->guilty, {}, {}}, {scenario.bug->innocent, {}, {}}};
        // A path stays a path.
        if (fs::path(name).extension() == ".toml") row.scenario = name;
        rows.push_back(std::move(row));
    }
    std::set<std::string> folders;
    for (const auto& row : rows)
        if (const std::string folder = fs::path(row.scenario).stem(); !folders.insert(folder).second)
            return fail(Fault::user_input, "there are two bugs \"{}\", whose evidence would be in one directory",
                        folder);
    if (rows.empty())
        return fail(Fault::user_input, "no known bug is played on {}",
                    fmt::format("{}", fmt::join(spec.kernels, ", ")));
    std::ranges::sort(rows, {}, [](const BugRow& row) { return std::pair(row.bug.year, row.scenario); });
    return rows;
}

// Throws nlohmann::json::exception if the side is damaged.
void read_side(const nlohmann::json& json, PlayedSide& side) {
    const auto word = [](const nlohmann::json& from, const char* key) { return from.at(key).get<std::string>(); };
    side.not_played = word(json, "not_played");
    for (const auto& trial : json.at("trials")) {
        const auto verdict = parse_verdict(word(trial, "verdict"));
        // No trial may be missing: the verdict of a side rests on all of them.
        if (!verdict) throw nlohmann::json::other_error::create(501, "a trial has no known verdict", &trial);
        side.trials.push_back({*verdict, word(trial, "oracle"), word(trial, "reason"), word(trial, "directory")});
    }
}

class KnownBugsRun {
public:
    KnownBugsRun(const KnownBugsSpec& spec, const std::vector<Host*>& hosts, RunObserver& observer)
        : spec_(spec),
          hosts_(hosts),
          told_(observer),
          observer_(observer, mutex_, false),
          journal_(spec.out / "known.jsonl") {}

    Result<KnownBugs> run();

private:
    [[nodiscard]] Result<std::string> identity() const;
    Status resume();
    void work();
    Status play(BugRow& row);
    // Plays up to `most` trials, until `enough` says so of the last one.
    Status play_side(BugRow& row, PlayedSide& side, const char* folder, unsigned most,
                     const std::function<bool(const BugTrial&)>& enough);
    Status keep(const BugRow& row);

    const KnownBugsSpec& spec_;
    const std::vector<Host*>& hosts_;
    RunObserver& told_;
    std::mutex mutex_;  // guards what follows, and told_
    SharedObserver observer_;
    Journal journal_;
    KnownBugs bugs_;
    std::size_t next_ = 0;        // the first row that no worker has begun
    std::optional<Error> error_;  // the first one that ends the run
};

// All that the results depend on, but the image of a kernel that is fetched anew.
Result<std::string> KnownBugsRun::identity() const {
    Hasher hasher;
    hasher.add(MEMRIG_VERSION).add(spec_.accelerator).add(std::to_string(spec_.seed.value_or(0)));
    hasher.add(std::to_string(spec_.trials));
    for (const auto& row : bugs_.rows) {
        MEMRIG_TRY(const Scenario scenario, load_scenario(row.scenario));
        hasher.add(row.scenario).add(scenario.text);
    }
    return "memrig known " + hasher.finish();
}

Status KnownBugsRun::resume() {
    MEMRIG_TRY(const std::string identity, this->identity());
    MEMRIG_TRY(const auto lines, journal_.start(identity, spec_.resume, "other bugs, trials, seed or memrig version"));
    for (const auto& line : lines) {
        try {
            const auto json = nlohmann::json::parse(line);
            const auto row = std::ranges::find(bugs_.rows, json.at("scenario").get<std::string>(), &BugRow::scenario);
            if (row == bugs_.rows.end())
                return fail(Fault::user_input, "{} is damaged: it has another bug", journal_.path().string());
            read_side(json.at("guilty"), row->guilty);
            read_side(json.at("innocent"), row->innocent);
        } catch (const nlohmann::json::exception& error) {
            return fail(Fault::user_input, "{} is damaged: {}", journal_.path().string(), error.what());
        }
    }
    return {};
}

Status KnownBugsRun::keep(const BugRow& row) {
    const nlohmann::ordered_json json = {
        {"scenario", row.scenario}, {"guilty", side_json(row.guilty)}, {"innocent", side_json(row.innocent)}};
    return journal_.append(json_line(json));
}

Status KnownBugsRun::play_side(BugRow& row, PlayedSide& side, const char* folder, unsigned most,
                               const std::function<bool(const BugTrial&)>& enough) {
    RunSpec run;
    run.scenarios = {row.scenario};
    run.kernels = {side.side.kernel};
    run.arm = side.side.arm;
    run.trials = 1;
    run.accelerator = spec_.accelerator;
    for (unsigned number = 1; number <= most; number++) {
        run.seed = spec_.seed.value_or(0) + number;
        run.out = spec_.out / fs::path(row.scenario).stem() / folder / fmt::format("{}", number);
        std::error_code code;
        fs::remove_all(run.out, code);  // of a trial that was interrupted
        const auto results = run_scenarios(run, hosts_, observer_);
        if (!results && results.error().fault != Fault::host && results.error().fault != Fault::guest)
            return std::unexpected(results.error());
        if (results && results->interrupted) return fail(Fault::interrupted, "interrupted");
        if (!results) side.not_played = results.error().line();
        else if (results->arms.empty()) return fail(Fault::rig, "a trial of {} came to no result", row.scenario);
        else if (!results->arms[0].skipped.empty()) side.not_played = results->arms[0].skipped;
        else if (results->arms[0].not_set_up) side.not_played = results->arms[0].not_set_up->line();
        else if (results->arms[0].trials.empty())
            return fail(Fault::rig, "a trial of {} came to no result", row.scenario);
        if (!side.not_played.empty()) return {};
        const TrialResult& trial = results->arms[0].trials[0];
        side.trials.push_back({trial.verdict, trial.findings.empty() ? "" : trial.findings.front().oracle, trial.reason,
                               (fs::relative(run.out, spec_.out) / trial.directory).generic_string()});
        if (enough(side.trials.back())) return {};
    }
    return {};
}

// The innocent side is played as often as the guilty one was.
Status KnownBugsRun::play(BugRow& row) {
    row.guilty.trials.clear();
    row.innocent.trials.clear();
    MEMRIG_CHECK(play_side(row, row.guilty, "guilty", spec_.trials, [&](const BugTrial& trial) {
        return std::ranges::find(row.bug.verdicts, trial.verdict) != row.bug.verdicts.end();
    }));
    const auto played = static_cast<unsigned>(std::max<std::size_t>(1, row.guilty.trials.size()));
    return play_side(row, row.innocent, "innocent", played,
                     [](const BugTrial& trial) { return trial.verdict != Verdict::held; });
}

void KnownBugsRun::work() {
    std::unique_lock guard(mutex_);
    while (next_ < bugs_.rows.size() && !error_ && !bugs_.interrupted) {
        BugRow& row = bugs_.rows[next_++];
        if (row.is_done()) continue;
        guard.unlock();
        Status done = play(row);
        guard.lock();
        if (done) done = keep(row);
        if (done) continue;
        if (done.error().fault == Fault::interrupted || stop_request().requested()) bugs_.interrupted = true;
        else if (!error_) error_ = done.error();
        row.guilty.trials.clear();
        row.innocent.trials.clear();
    }
}

Result<KnownBugs> KnownBugsRun::run() {
    const auto begun = steady_clock().now();
    MEMRIG_TRY(bugs_, known_bugs(spec_));
    MEMRIG_CHECK(make_directories(spec_.out));
    MEMRIG_CHECK(resume());
    told_.planned(static_cast<unsigned>(2 * bugs_.rows.size()));
    std::vector<std::thread> workers;
    for (unsigned i = 0; i < std::max(1u, spec_.jobs); i++) workers.emplace_back([this] { work(); });
    for (auto& worker : workers) worker.join();
    if (error_) return std::unexpected(*error_);
    bugs_.seconds = seconds(steady_clock().now() - begun);
    return std::move(bugs_);
}

}  // namespace

nlohmann::ordered_json side_json(const PlayedSide& side) {
    nlohmann::ordered_json json = {{"kernel", side.side.kernel},
                                   {"arm", side.side.arm},
                                   {"not_played", side.not_played},
                                   {"trials", nlohmann::ordered_json::array()}};
    for (const auto& trial : side.trials)
        json["trials"].push_back({{"verdict", to_string(trial.verdict)},
                                  {"oracle", trial.oracle},
                                  {"reason", trial.reason},
                                  {"directory", trial.directory}});
    return json;
}

bool BugRow::convicted() const {
    return !guilty.trials.empty() &&
           std::ranges::find(bug.verdicts, guilty.trials.back().verdict) != bug.verdicts.end();
}

bool BugRow::control_held() const {
    return !innocent.trials.empty() &&
           std::ranges::all_of(innocent.trials, [](const auto& trial) { return trial.verdict == Verdict::held; });
}

bool BugRow::is_done() const {
    const auto done = [](const PlayedSide& side) { return !side.trials.empty() || !side.not_played.empty(); };
    return done(guilty) && done(innocent);
}

std::size_t KnownBugs::shown() const {
    return static_cast<std::size_t>(std::ranges::count_if(rows, &BugRow::is_shown));
}

int KnownBugs::exit_status() const {
    if (interrupted) return kExitInterrupted;
    const auto broke = [](const BugTrial& trial) { return trial.verdict == Verdict::rig_fault; };
    bool played = false;
    for (const auto& row : rows)
        for (const auto* side : {&row.guilty, &row.innocent}) {
            if (std::ranges::any_of(side->trials, broke)) return kExitRigFault;
            played = played || !side->trials.empty();
        }
    if (!played) return kExitNothingRun;
    return shown() == rows.size() ? kExitGood : kExitNotAsExpected;
}

std::vector<UnshownBug> parse_unshown_bugs(TomlDocument& document) {
    std::vector<UnshownBug> bugs;
    if (!document.diagnostics().empty()) return bugs;  // not TOML
    TomlTable root = document.root();
    root.integer("schema", 1, 1);
    for (auto& table : root.tables("bug", false)) {
        UnshownBug bug;
        bug.commits = table.strings("commit", false);
        for (const auto& commit : bug.commits)
            if (!names_commit(commit)) table.report("commit", fmt::format("\"{}\" is no commit", commit));
        bug.subject = table.string("subject");
        bug.year = static_cast<unsigned>(table.integer("year", kUnshownFirstYear, kUnshownLastYear));
        bug.reason = table.string("reason");
        table.finish();
        bugs.push_back(std::move(bug));
    }
    root.finish();
    std::ranges::stable_sort(bugs, {}, &UnshownBug::year);
    return bugs;
}

Result<KnownBugs> known_bugs(const KnownBugsSpec& spec) {
    KnownBugs bugs;
    MEMRIG_TRY(bugs.rows, bug_rows(spec));
    MEMRIG_TRY(TomlDocument document, TomlDocument::load((home_directory() / "rig" / "unshown-bugs.toml").string()));
    bugs.unshown = parse_unshown_bugs(document);
    MEMRIG_CHECK(document.status());
    return bugs;
}

Result<KnownBugs> play_known_bugs(const KnownBugsSpec& spec, const std::vector<Host*>& hosts, RunObserver& observer) {
    return KnownBugsRun(spec, hosts, observer).run();
}

}  // namespace memrig
