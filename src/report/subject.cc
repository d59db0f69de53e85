#include "report/subject.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json_text.h"
#include "base/text.h"
#include "campaign/hunt.h"
#include "campaign/run_record.h"
#include "oracle/finding_json.h"
#include "run/matrix.h"
#include "run/trial_json.h"

namespace memrig {

namespace {

using SubjectJson = nlohmann::json;

std::string word_at(const SubjectJson& object, const char* key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::uint64_t count_at(const SubjectJson& object, const char* key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found != object.end() && found->is_number() ? found->get<std::uint64_t>() : 0;
}

double number_at(const SubjectJson& object, const char* key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

bool flag_at(const SubjectJson& object, const char* key) {
    return object.is_object() && object.value(key, SubjectJson()) == SubjectJson(true);
}

const SubjectJson& items_at(const SubjectJson& object, const char* key) {
    static const SubjectJson none = SubjectJson::array();
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found != object.end() && found->is_array() ? *found : none;
}

// The directory's own name, also for ".".
std::string directory_name(const fs::path& directory) {
    const fs::path whole = fs::absolute(directory).lexically_normal();
    return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

Result<SubjectJson> read_object(const fs::path& path) {
    const auto text = read_file(path);
    if (!text) return fail(Fault::user_input, "{}", text.error().message);
    SubjectJson json = SubjectJson::parse(*text, nullptr, false);
    if (!json.is_object()) return fail(Fault::user_input, "{}: not the JSON that memrig writes", path.string());
    return json;
}

// Summarises a record that no plan goes with.
LoadedCampaign loaded(CampaignRecord record, const fs::path& directory) {
    record.name = directory_name(directory);
    LoadedCampaign made;
    made.night = summarise(record, directory, {}, today());
    record.cells = progress_of(made.night);
    made.record = std::move(record);
    return made;
}

// Adds the result of a trial that left its directory below `directory`. Its findings, release and versions are in the
// evidence; without it they stay empty.
struct TrialEntry {
    unsigned number = 0;
    std::string verdict, reason, directory;
    bool as_expected = false;
    double seconds = 0;
};
void add_entry(CampaignRecord& record, std::size_t cell, const TrialEntry& entry, const fs::path& directory) {
    StoredResult result;
    result.trial = {cell, entry.number};
    result.verdict = entry.verdict;
    result.reason = entry.reason;
    result.as_expected = entry.as_expected;
    result.seconds = entry.seconds;
    result.directory = entry.directory;
    result.findings = "[]";
    result.attempts = 1;
    const fs::path evidence = directory / result.directory;
    if (lies_within(result.directory)) {
        if (const auto told = read_verdict(evidence)) {
            auto findings = SubjectJson::array();
            for (const auto& finding : told->findings) findings.push_back(SubjectJson(finding_json(finding)));
            result.findings = json_line(findings);
            result.seconds = told->verdict_seconds;
        }
        if (const auto recipe = read_recipe(evidence))
            result.setting = {"",
                              recipe->qemu_version,
                              recipe->accelerator,
                              recipe->kernel_release,
                              recipe->kernel_sha256,
                              recipe->bench,
                              to_string(recipe->manner.mode),
                              ""};
    }
    CellProgress& progress = record.cells[cell];
    progress.verdicts[result.verdict]++;
    progress.done++;
    progress.as_expected += result.as_expected;
    progress.seconds += result.seconds;
    record.results.push_back(std::move(result));
}

Result<Subject> load_campaign_subject(const fs::path& directory) {
    MEMRIG_TRY(LoadedCampaign results, load_campaign(directory));
    return Subject{"Campaign", std::move(results)};
}

Result<Subject> load_run(const fs::path& directory) {
    MEMRIG_TRY(RunRecord run, read_run_record(directory));
    Subject subject{"Run", loaded(std::move(run.record), directory)};
    subject.facts.emplace_back("Duration", short_time(run.seconds));
    if (run.interrupted) subject.facts.emplace_back("Interrupted", "yes: the planned trials were not all run");
    subject.exit_status = run.exit_status;
    return subject;
}

// A cell of the matrix becomes an arm with the mutant's name; that of an original kernel is the control.
void add_matrix_cell(CampaignRecord& record, const SubjectJson& json, const fs::path& directory) {
    const std::string mutant = word_at(json, "mutant"), outcome = word_at(json, "outcome");
    CellProgress cell;
    cell.cell = {word_at(json, "scenario"), word_at(json, "kernel"), "", mutant.empty() ? "control" : mutant};
    const SubjectJson& trials = items_at(json, "trials");
    cell.cell.trials = static_cast<unsigned>(trials.size());
    if (outcome == to_string(CellOutcome::skipped)) cell.skipped = word_at(json, "reason");
    record.cells.push_back(std::move(cell));
    // Written by memrig 0.2.0 and later. Before, the outcome alone tells.
    const bool good = json.contains("as_expected")
                          ? flag_at(json, "as_expected")
                          : outcome == to_string(mutant.empty() ? CellOutcome::survived : CellOutcome::killed);
    for (const auto& trial : trials)
        add_entry(record, record.cells.size() - 1,
                  {static_cast<unsigned>(count_at(trial, "number")), word_at(trial, "verdict"),
                   word_at(trial, "reason"), word_at(trial, "directory"), good},
                  directory);
}

Result<Subject> load_matrix(const fs::path& directory) {
    MEMRIG_TRY(const SubjectJson json, read_object(directory / "matrix.json"));
    CampaignRecord record;
    for (const auto& cell : items_at(json, "cells")) add_matrix_cell(record, cell, directory);
    SubjectTable mutants{"Source mutants", {"mutant", "what it lacks", "fate"}, {}};
    for (const auto& mutant : items_at(json, "mutants")) {
        const bool killed = flag_at(mutant, "killed");
        const std::string fate = mutant.contains("fate") ? word_at(mutant, "fate") : killed ? "killed" : "NOT KILLED";
        mutants.rows.push_back({{word_at(mutant, "name"), word_at(mutant, "description"), fate},
                                mutant.contains("as_expected") ? flag_at(mutant, "as_expected") : killed});
    }
    Subject subject{"Kill matrix", loaded(std::move(record), directory)};
    subject.facts.emplace_back("Kill score", fmt::format("{} of {}, {} broken", count_at(json, "killed"),
                                                         counted(count_at(json, "to_kill"), "mutant"),
                                                         counted(count_at(json, "broken_claims"), "claim")));
    subject.facts.emplace_back("Originals", fmt::format("{} of {} did not hold", count_at(json, "false_positives"),
                                                        counted(count_at(json, "original_trials"), "trial")));
    if (flag_at(json, "interrupted")) subject.facts.emplace_back("Interrupted", "yes");
    subject.tables.push_back(std::move(mutants));
    subject.exit_status = static_cast<int>(count_at(json, "exit_status"));
    return subject;
}

// "adder: kmalloc_node_noprof() call 1 of 3"
std::string call_text(const SubjectJson& failure) {
    std::vector<std::string> path;
    for (const auto& function : items_at(failure, "path"))
        if (function.is_string()) path.push_back(function.get<std::string>());
    return fmt::format("{}: {}, call {} of {}, by way of {}", word_at(failure, "actor"), word_at(failure, "function"),
                       count_at(failure, "nth"), count_at(failure, "of"), fmt::join(path, " < "));
}

// The cases of one actor and function become an arm.
Result<Subject> load_sweep(const fs::path& directory) {
    MEMRIG_TRY(const SubjectJson json, read_object(directory / "sweep.json"));
    CampaignRecord record;
    SubjectTable calls{"Calls that failed", {"case", "the call", "outcome", "reason"}, {}};
    std::map<std::string, std::vector<const SubjectJson*>> arms;
    for (const auto& one : items_at(json, "cases")) {
        const SubjectJson& failure = one.contains("failure") ? one["failure"] : SubjectJson();
        const std::string outcome = word_at(one, "outcome");
        arms[word_at(failure, "actor") + ": " + word_at(failure, "function")].push_back(&one);
        calls.rows.push_back(
            {{fmt::format("{}", count_at(one, "number")), call_text(failure), outcome, word_at(one, "reason")},
             outcome == to_string(Verdict::held)});
    }
    for (const auto& [arm, cases] : arms) {
        CellProgress cell;
        cell.cell = {word_at(json, "scenario"), word_at(json, "kernel"), word_at(json, "bench"), arm,
                     static_cast<unsigned>(cases.size())};
        record.cells.push_back(std::move(cell));
        for (const SubjectJson* one : cases) {
            const std::string outcome = word_at(*one, "outcome");
            if (!parse_verdict(outcome)) continue;  // not played
            add_entry(record, record.cells.size() - 1,
                      {static_cast<unsigned>(count_at(*one, "number")), outcome, word_at(*one, "reason"),
                       word_at(*one, "directory"), outcome == to_string(Verdict::held)},
                      directory);
        }
    }
    Subject subject{"Sweep", loaded(std::move(record), directory)};
    subject.facts.emplace_back("Scenario", word_at(json, "scenario"));
    subject.facts.emplace_back("Recorded", fmt::format("{} on {}", counted(count_at(json, "calls"), "call"),
                                                       counted(count_at(json, "paths"), "path")));
    if (flag_at(json, "interrupted")) subject.facts.emplace_back("Interrupted", "yes: not every case was played");
    subject.tables.push_back(std::move(calls));
    subject.exit_status = static_cast<int>(count_at(json, "exit_status"));
    return subject;
}

std::vector<std::string> strategy_row(const std::string& strategy, const SubjectJson& share) {
    const bool found = share.contains("first_trial") && share["first_trial"].is_number();
    return {strategy,
            fmt::format("{}", count_at(share, "trials")),
            fmt::format("{}", count_at(share, "convicted")),
            fmt::format("{}", count_at(share, "inconclusive")),
            short_time(number_at(share, "seconds")),
            found ? fmt::format("trial {}, by {}", count_at(share, "first_trial"),
                                short_time(number_at(share, "first_seconds")))
                  : "none"};
}

SubjectTable finding_table(const SubjectJson& json) {
    SubjectTable table{
        "Smallest cases", {"fingerprint", "verdict", "what", "cases", "smallest case", "came again"}, {}};
    for (const auto& finding : items_at(json, "findings")) {
        std::vector<std::string> actors;
        for (const auto& actor : items_at(finding, "actors"))
            if (actor.is_string()) actors.push_back(actor.get<std::string>());
        const auto of = count_at(finding, "of");
        table.rows.push_back(
            {{word_at(finding, "fingerprint"), word_at(finding, "verdict"), word_at(finding, "text"),
              fmt::format("{}", items_at(finding, "cases").size()), fmt::format("{}", fmt::join(actors, ", ")),
              of == 0 ? "not tried" : fmt::format("{} of {}", count_at(finding, "again"), of)},
             false});
    }
    return table;
}

// Pairs of locks, and of points of two actors. A page folds them.
SubjectTable coverage_table(const SubjectJson& json) {
    SubjectTable table{"Coverage", {"passed one after the other", "kind"}, {}};
    for (const auto& item : items_at(json, "coverage")) {
        if (!item.is_string()) continue;
        const auto text = item.get<std::string>();
        const bool is_locks = text.starts_with(kLockPair);
        table.rows.push_back({{is_locks ? text.substr(kLockPair.size()) : text, is_locks ? "locks" : "points"}, true});
    }
    return table;
}

// The cases of one strategy become an arm.
Result<Subject> load_hunt(const fs::path& directory) {
    MEMRIG_TRY(const SubjectJson json, read_object(directory / "hunt.json"));
    CampaignRecord record;
    record.seed = count_at(json, "seed");
    std::map<std::string, std::vector<const SubjectJson*>> arms;
    for (const auto& one : items_at(json, "cases")) arms[word_at(one, "strategy")].push_back(&one);
    for (const auto& [arm, cases] : arms) {
        CellProgress cell;
        cell.cell = {"hunt", word_at(json, "kernel"), "", arm, static_cast<unsigned>(cases.size())};
        record.cells.push_back(std::move(cell));
        for (const SubjectJson* one : cases) {
            const std::string outcome = word_at(*one, "outcome");
            if (!parse_verdict(outcome)) continue;  // not set up
            // A baseline schedules nothing, and so proves nothing.
            const bool is_good = outcome == to_string(Verdict::held) || (arm != to_string(HuntStrategy::priorities) &&
                                                                         outcome == to_string(Verdict::inconclusive));
            add_entry(record, record.cells.size() - 1,
                      {static_cast<unsigned>(count_at(*one, "number")), outcome, word_at(*one, "reason"),
                       word_at(*one, "directory"), is_good},
                      directory);
        }
    }
    Subject subject{"Hunt", loaded(std::move(record), directory)};
    subject.facts.emplace_back("Duration", short_time(number_at(json, "seconds")));
    subject.facts.emplace_back("Coverage",
                               counted(items_at(json, "coverage").size(), "pair") + " of points and of locks");
    if (flag_at(json, "interrupted")) subject.facts.emplace_back("Interrupted", "yes: go on with --resume");
    if (!items_at(json, "findings").empty()) subject.tables.push_back(finding_table(json));
    SubjectTable strategies{
        "Strategies", {"strategy", "trials", "convicted", "no verdict", "time", "first conviction"}, {}};
    const auto shares = json.find("strategies");
    if (shares != json.end() && shares->is_object())
        for (const auto& [strategy, share] : shares->items())
            strategies.rows.push_back({strategy_row(strategy, share), true});
    subject.tables.push_back(std::move(strategies));
    subject.tables.push_back(coverage_table(json));
    subject.exit_status = static_cast<int>(count_at(json, "exit_status"));
    return subject;
}

// The loader of each kind of directory, by a file that only this kind has.
struct Loader {
    const char* file;
    Result<Subject> (*load)(const fs::path& directory);
};
constexpr Loader kLoaders[] = {{"campaign.sqlite", load_campaign_subject},
                               {"matrix.json", load_matrix},
                               {"sweep.json", load_sweep},
                               {"hunt.json", load_hunt},
                               {"results.json", load_run}};

}  // namespace

Result<Subject> load_subject(const fs::path& directory) {
    std::error_code code;
    for (const auto& loader : kLoaders)
        if (fs::exists(directory / loader.file, code)) return loader.load(directory);
    return fail_with({Fault::user_input, fmt::format("there are no results in {}", directory.string()), {}},
                     "give the directory that memrig run, matrix, sweep, hunt or campaign run left");
}

bool lies_within(const fs::path& relative) {
    const auto normal = relative.lexically_normal();
    return !normal.empty() && normal.is_relative() && *normal.begin() != "..";
}

}  // namespace memrig
