#include "run/sweep.h"

#include <algorithm>

#include "base/assert.h"
#include "base/exit_status.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/journal.h"
#include "base/log.h"
#include "run/evidence.h"
#include "run/failable.h"
#include "run/sweep_plan.h"
#include "run/sweep_recorder.h"
#include "run/trial_json.h"
#include "scenario/sweep_scenario.h"

namespace memrig {

namespace {

using Json = nlohmann::json;

std::string purpose_of(const SweepCase& one) {
    const auto text = [](const FailureSpec& failure) {
        return fmt::format("call {} of {} by {} fails", failure.nth, failure.function, failure.path.front());
    };
    return one.second ? fmt::format("{}, and then {}", text(one.failure), text(*one.second)) : text(one.failure);
}

class SweepRun final : public RunObserver {
public:
    SweepRun(const SweepSpec& spec, const std::vector<Host*>& hosts, RunObserver& observer)
        : spec_(spec), hosts_(hosts), observer_(observer), journal_(spec.run.out / "results.jsonl") {}

    Result<Sweep> run();

    void busy_with(const std::string& what) override { observer_.busy_with(what); }
    void planned(unsigned trials) override { observer_.planned(trials); }
    void trial_done(const ArmResult& arm, const TrialResult& trial) override;
    void host_lost(const std::string& host, const std::string& why) override { observer_.host_lost(host, why); }

private:
    Status load();
    Status check_actors() const;
    Result<std::optional<Prototypes>> prototypes_of(const Recording& recording);
    Status plan();
    // Adds the cases in which a second call fails, one that came because the first one failed. `calls` are those that
    // came without any failure.
    Status plan_pairs(SweepRecorder& recorder, const std::vector<RecordedCalls>& calls);
    Status write_cases() const;
    // Returns whether this portion plays the case, or reports it.
    [[nodiscard]] bool is_own(unsigned number) const;
    [[nodiscard]] std::string identity() const;
    Status read_journal();
    Status play();
    [[nodiscard]] std::filesystem::path case_file(unsigned number) const {
        return spec_.run.out / "cases" / fmt::format("{:04}.toml", number);
    }
    Status take_in(const RunResults& results);

    const SweepSpec& spec_;
    const std::vector<Host*>& hosts_;
    RunObserver& observer_;
    Journal journal_;
    Scenario scenario_;
    Sweep sweep_;
    std::filesystem::path part_;  // where the cases are played, relative to the sweep's directory
    std::optional<Error> journal_error_;
};

Status SweepRun::load() {
    MEMRIG_TRY(scenario_, load_scenario(spec_.scenario));
    sweep_.scenario = scenario_.name;
    MEMRIG_CHECK(check_actors());
    const auto all = sweepable_actors(scenario_);
    for (const auto& actor : all)
        if (spec_.actors.empty() || std::ranges::find(spec_.actors, actor) != spec_.actors.end())
            sweep_.actors.push_back(actor);
    for (const auto& function : spec_.functions)
        if (!failed_allocation(function))
            return fail_with({Fault::user_input, fmt::format("\"{}\" is no allocator that memrig knows", function), {}},
                             "the allocators are kmem_cache_alloc, __kmalloc, __alloc_pages, pcpu_alloc and their kin: "
                             "sweep without --function, and see calls.json of the recording");
    return {};
}

Status SweepRun::check_actors() const {
    const auto all = sweepable_actors(scenario_);
    for (const auto& actor : spec_.actors)
        if (std::ranges::find(all, actor) == all.end())
            return fail_with({Fault::user_input,
                              fmt::format("scenario {} has no actor \"{}\" whose calls could be made to fail",
                                          scenario_.name, actor),
                              {}},
                             fmt::format("it has: {}", fmt::join(all, ", ")));
    return {};
}

// Nothing for a kernel without BTF.
Result<std::optional<Prototypes>> SweepRun::prototypes_of(const Recording& recording) {
    constexpr std::uint64_t most = 64u << 20;
    if (spec_.allocators_only) return std::nullopt;
    MEMRIG_TRY(const std::string btf, read_file(recording.directory / "btf", most));
    if (btf.empty()) {
        logger(LogLayer::run).warn("this kernel has no BTF: only allocators are made to fail");
        return std::nullopt;
    }
    MEMRIG_TRY(auto prototypes, Prototypes::parse(btf));
    return std::optional(std::move(prototypes));
}

Status SweepRun::plan() {
    MEMRIG_TRY(const std::string text, sequential_scenario(scenario_));
    MEMRIG_CHECK(write_file(spec_.run.out / "recording.toml", text));
    SweepRecorder recorder(spec_, hosts_, observer_, sweep_);
    MEMRIG_TRY(Recording recording, recorder.record(recorded_allocators(spec_), false));
    MEMRIG_TRY(const auto prototypes, prototypes_of(recording));
    const std::vector<RecordedCalls> without_failure = recording.calls;
    const auto callers = prototypes ? callers_that_can_fail(recording.calls, *prototypes) : std::vector<std::string>();
    if (!callers.empty()) {
        MEMRIG_TRY(Recording more, recorder.record(callers, true));
        recording.calls.insert(recording.calls.end(), more.calls.begin(), more.calls.end());
    }
    SweepSpec spec = spec_;
    spec.actors = sweep_.actors;
    sweep_.paths = recording.calls.size();
    for (const auto& call : recording.calls) sweep_.calls += call.count;
    sweep_.cases = cases_of(recording.calls, spec, prototypes ? &*prototypes : nullptr);
    if (sweep_.cases.empty())
        return fail(Fault::guest, "no call that could fail was seen{}: {} calls on {} paths were recorded",
                    spec.within.empty() ? "" : " within " + spec.within + "()", sweep_.calls, sweep_.paths);
    MEMRIG_CHECK(write_cases());
    if (spec_.depth > 1) {
        MEMRIG_CHECK(plan_pairs(recorder, without_failure));
        MEMRIG_CHECK(write_cases());
    }
    return write_plan(sweep_, identity(), spec_.run.out);
}

Status SweepRun::plan_pairs(SweepRecorder& recorder, const std::vector<RecordedCalls>& calls) {
    std::vector<fs::path> files;
    for (const auto& one : sweep_.cases) files.push_back(case_file(one.number));
    MEMRIG_TRY(const auto after, recorder.record_failing(files));
    const auto pairs = pairs_of(sweep_.cases, calls, after, spec_);
    sweep_.cases.insert(sweep_.cases.end(), pairs.begin(), pairs.end());
    return {};
}

Status SweepRun::write_cases() const {
    MEMRIG_CHECK(make_directories(spec_.run.out / "cases"));
    for (const auto& one : sweep_.cases) {
        if (!is_own(one.number)) continue;
        std::vector<FailureSpec> failures = {one.failure};
        if (one.second) failures.push_back(*one.second);
        MEMRIG_TRY(const std::string failing,
                   failing_scenario(scenario_, failures, purpose_of(one), to_string(Verdict::held)));
        MEMRIG_CHECK(write_file(case_file(one.number), failing));
    }
    return {};
}

bool SweepRun::is_own(unsigned number) const {
    const Portion& portion = spec_.run.portion;
    return portion.kind != Portion::Kind::shard || units_of(portion.shard, sweep_.cases.size()).contains(number - 1);
}

// All that the cases depend on.
std::string SweepRun::identity() const {
    Hasher identity;
    identity.add(MEMRIG_VERSION).add(scenario_.text).add(spec_.run.kernels.front()).add(spec_.run.bench);
    for (const auto* words : {&spec_.actors, &spec_.functions}) {
        identity.add(std::to_string(words->size()));
        for (const auto& word : *words) identity.add(word);
    }
    identity.add(spec_.within)
        .add(spec_.allocators_only ? "allocators" : "all")
        .add(spec_.every ? "every" : "ends")
        .add(std::to_string(spec_.depth));
    return identity.add(std::to_string(spec_.most)).finish();
}

Status SweepRun::read_journal() {
    const Json head = {{"schema", 1}, {"identity", identity()}};
    MEMRIG_TRY(const auto lines, journal_.start(line_of(head), spec_.resume, kOtherSweep));
    const bool reads_only = spec_.run.portion.kind == Portion::Kind::nothing;
    unsigned part = 1;
    for (const auto& line : lines) {
        const Json json = Json::parse(line, nullptr, false);
        const bool numbered = json.is_object() && json.contains("case") && json["case"].is_number_unsigned();
        const std::size_t number = numbered ? json["case"].get<std::size_t>() : 0;
        const bool not_played = numbered && json.contains("not_played") && json["not_played"].is_string();
        if (number == 0 || number > sweep_.cases.size() || (!json.contains("outcome") && !not_played))
            return fail(Fault::user_input, "{} is damaged", journal_.path().string());
        if (not_played) {
            // Tried again, unless nothing is played.
            if (reads_only) sweep_.cases[number - 1].not_played = json["not_played"].get<std::string>();
            continue;
        }
        MEMRIG_TRY(TrialOutcome outcome, read_outcome(line_of(json["outcome"]), journal_.path().string()));
        if (outcome.result.verdict != Verdict::rig_fault || reads_only)
            sweep_.cases[number - 1].trial = std::move(outcome.result);
    }
    std::error_code code;
    while (fs::exists(spec_.run.out / fmt::format("trials-{}", part), code)) part++;
    part_ = fmt::format("trials-{}", part);
    return {};
}

// Calls come one at a time.
void SweepRun::trial_done(const ArmResult& arm, const TrialResult& trial) {
    const std::size_t number = case_number(arm);
    MEMRIG_ASSERT(number > 0 && number <= sweep_.cases.size(), "a case's file has its number as its name");
    TrialOutcome outcome;
    outcome.result = trial;
    outcome.result.directory = part_ / trial.directory;
    const Status noted = journal_.append(line_of({{"case", number}, {"outcome", outcome_json(outcome)}}));
    if (!noted && !journal_error_) journal_error_ = noted.error();
    sweep_.cases[number - 1].trial = std::move(outcome.result);
    observer_.trial_done(arm, trial);
}

Status SweepRun::take_in(const RunResults& results) {
    note_images(results, sweep_);
    for (const auto& arm : results.arms) {
        const std::size_t number = case_number(arm);
        if (number == 0 || number > sweep_.cases.size()) continue;
        std::string& why = sweep_.cases[number - 1].not_played;
        why = arm.not_set_up ? arm.not_set_up->line() : arm.skipped;
        if (!why.empty()) MEMRIG_CHECK(journal_.append(line_of({{"case", number}, {"not_played", why}})));
    }
    sweep_.interrupted = results.interrupted;
    return {};
}

Status SweepRun::play() {
    std::vector<std::string> files;
    for (const auto& one : sweep_.cases)
        if (!one.trial && is_own(one.number)) files.push_back(case_file(one.number).string());
    if (files.empty()) return {};
    RunSpec spec = sweep_run(spec_, std::move(files), "fault", spec_.run.out / part_);
    spec.enough = [this](const TrialResult&) { return journal_error_.has_value(); };
    MEMRIG_TRY(const RunResults results, run_scenarios(spec, hosts_, *this));
    MEMRIG_CHECK(take_in(results));
    if (journal_error_) return std::unexpected(*journal_error_);
    if (!results.fault.empty()) return fail(Fault::rig, "{}", results.fault);
    return {};
}

Result<Sweep> SweepRun::run() {
    const auto begun = steady_clock().now();
    MEMRIG_CHECK(load());
    MEMRIG_CHECK(make_directories(spec_.run.out));
    bool planned = false;
    if (spec_.resume) {
        MEMRIG_TRY(planned, read_plan(spec_.run.out, identity(), sweep_));
    }
    using Kind = Portion::Kind;
    const Kind kind = spec_.run.portion.kind;
    if (!planned && (kind == Kind::shard || kind == Kind::nothing))
        return fail(Fault::user_input, "{} has no plan.json: the sweep was not recorded", spec_.run.out.string());
    if (!planned) MEMRIG_CHECK(plan());
    else if (kind == Kind::shard || kind == Kind::nothing) MEMRIG_CHECK(write_cases());
    MEMRIG_CHECK(read_journal());
    if (kind == Kind::whole || kind == Kind::shard) MEMRIG_CHECK(play());
    sweep_.seconds = seconds(steady_clock().now() - begun);
    return std::move(sweep_);
}

}  // namespace

std::size_t Sweep::played() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(cases, [](const SweepCase& one) { return one.trial.has_value(); }));
}

std::vector<const SweepCase*> Sweep::convicted() const {
    std::vector<const SweepCase*> found;
    for (const auto& one : cases)
        if (one.trial && convicts(one.trial->verdict)) found.push_back(&one);
    return found;
}

int Sweep::exit_status() const {
    if (interrupted) return kExitInterrupted;
    const auto is = [this](Verdict verdict) {
        return std::ranges::any_of(cases,
                                   [&](const SweepCase& one) { return one.trial && one.trial->verdict == verdict; });
    };
    if (is(Verdict::rig_fault)) return kExitRigFault;
    if (played() == 0) return kExitNothingRun;
    return std::ranges::all_of(cases,
                               [](const SweepCase& one) { return one.trial && one.trial->verdict == Verdict::held; })
               ? kExitGood
               : kExitNotAsExpected;
}

Result<Sweep> run_sweep(const SweepSpec& spec, const std::vector<Host*>& hosts, RunObserver& observer) {
    MEMRIG_ASSERT(spec.run.kernels.size() == 1, "a sweep is of one kernel");
    return SweepRun(spec, hosts, observer).run();
}

}  // namespace memrig
