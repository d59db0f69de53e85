#include "campaign/hunt.h"

#include <algorithm>

#include "base/assert.h"
#include "base/exit_status.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/journal.h"
#include "base/log.h"
#include "campaign/fingerprint.h"
#include "campaign/hunt_draw.h"
#include "campaign/hunt_shrink.h"
#include "run/trial_json.h"

namespace memrig {

namespace {

using HuntLine = nlohmann::json;

// A batch is drawn as a whole, before its first case is played: so the cases do not depend on the number of jobs.
constexpr std::size_t kBatch = 8;
constexpr unsigned kMostAttempts = 40;
constexpr unsigned kTrialsAgain = 3;
constexpr const char* kOtherHunt = "another kernel, seed, bench, strategy, changed arm or memrig version";

// Counts the trials of all batches, and passes on what a run of one batch says.
class HuntProgress final : public RunObserver {
public:
    explicit HuntProgress(RunObserver& observer) : observer_(observer) {}
    void busy_with(const std::string& what) override { observer_.busy_with(what); }
    void planned(unsigned trials) override { observer_.planned(done_ + trials); }
    void trial_done(const ArmResult& arm, const TrialResult& trial) override {
        done_++;
        ended_[arm.scenario] = steady_clock().now();
        observer_.trial_done(arm, trial);
    }
    void host_lost(const std::string& host, const std::string& why) override { observer_.host_lost(host, why); }
    // When the trial of that case ended; `otherwise` if it has not.
    [[nodiscard]] SteadyTime end_of(const std::string& scenario, SteadyTime otherwise) const {
        const auto found = ended_.find(scenario);
        return found == ended_.end() ? otherwise : found->second;
    }

private:
    RunObserver& observer_;
    unsigned done_ = 0;
    std::map<std::string, SteadyTime> ended_;
};

class HuntRun {
public:
    HuntRun(const HuntSpec& spec, const std::vector<Host*>& hosts, RunObserver& observer)
        : spec_(spec),
          hosts_(hosts),
          progress_(observer),
          journal_(spec.run.out / "hunt.jsonl"),
          draw_(spec.seed, spec.benches) {}

    Result<Hunt> run();

private:
    struct Batch {
        HuntStrategy strategy;
        std::vector<HuntCase> cases;
    };
    [[nodiscard]] std::string identity() const;
    Status read_journal();
    Batch compose();
    Status play(const Batch& batch);
    // `origin`: when the strategy would have begun, had no other strategy had its turns.
    Status take_in(const Batch& batch, const RunResults& results, const std::filesystem::path& part, SteadyTime origin);
    void learn(HuntedCase hunted);
    void note_finding(std::size_t index);
    Result<RunResults> play_files(std::vector<std::string> files, HuntStrategy strategy,
                                  const std::filesystem::path& part, std::function<bool()> enough);
    Result<const TrialResult*> play_once(const HuntCase& one, RunResults& results);
    Status shrink(HuntFinding& finding);
    Status write_finding(HuntFinding& finding);
    [[nodiscard]] bool is_over() const;
    [[nodiscard]] std::filesystem::path case_file(unsigned number) const {
        return spec_.run.out / "cases" / fmt::format("{:05}.toml", number);
    }
    [[nodiscard]] std::filesystem::path next_part(const char* name);

    const HuntSpec& spec_;
    const std::vector<Host*>& hosts_;
    HuntProgress progress_;
    Journal journal_;
    HuntDraw draw_;
    std::string arm_text_;
    Hunt hunt_;
    SteadyTime begun_ = steady_clock().now();
    unsigned composed_ = 0, batches_ = 0;
};

std::string HuntRun::identity() const {
    Hasher hasher;
    hasher.add(MEMRIG_VERSION).add(spec_.run.kernels.front()).add(std::to_string(spec_.seed)).add(arm_text_);
    for (const auto& bench : spec_.benches) hasher.add(bench);
    for (const auto strategy : spec_.strategies) hasher.add(to_string(strategy));
    return hasher.finish();
}

bool HuntRun::is_over() const {
    if (hunt_.interrupted || (spec_.most != 0 && hunt_.cases.size() >= spec_.most)) return true;
    return spec_.seconds > 0 && hunt_.seconds + seconds(steady_clock().now() - begun_) >= spec_.seconds;
}

std::filesystem::path HuntRun::next_part(const char* name) {
    std::error_code code;
    unsigned part = 1;
    while (fs::exists(spec_.run.out / fmt::format("{}-{}", name, part), code)) part++;
    return fmt::format("{}-{}", name, part);
}

Status HuntRun::read_journal() {
    const HuntLine head = {{"schema", 1}, {"identity", identity()}, {"seed", spec_.seed}};
    MEMRIG_TRY(const auto lines, journal_.start(line_of(head), spec_.resume, kOtherHunt));
    for (const auto& line : lines) {
        const HuntLine json = HuntLine::parse(line, nullptr, false);
        const auto one = json.is_object() && json.contains("case") ? case_of(json["case"]) : std::nullopt;
        if (!one || !json.contains("outcome") || !json.contains("at_seconds") || !json["at_seconds"].is_number())
            return fail(Fault::user_input, "{} is damaged", journal_.path().string());
        HuntedCase hunted{*one, {}, {}, json["at_seconds"].get<double>(), 0};
        if (json["outcome"].is_string()) hunted.not_played = json["outcome"].get<std::string>();
        else {
            MEMRIG_TRY(TrialOutcome outcome, read_outcome(line_of(json["outcome"]), journal_.path().string()));
            hunted.trial = std::move(outcome.result);
        }
        composed_ = std::max(composed_, one->number);
        double& taken = hunt_.shares[one->strategy].seconds;
        taken = std::max(taken, hunted.at_seconds);
        learn(std::move(hunted));
    }
    for (const auto& [strategy, share] : hunt_.shares) hunt_.seconds += share.seconds;
    // The draws of the batches that were played, whole or in part.
    batches_ = static_cast<unsigned>((composed_ + kBatch - 1) / kBatch);
    return {};
}

HuntRun::Batch HuntRun::compose() {
    Batch batch{spec_.strategies[batches_ % spec_.strategies.size()], {}};
    draw_.begin_batch(batches_);
    batches_++;
    for (std::size_t i = 0; i < kBatch; i++) {
        if (spec_.most != 0 && hunt_.cases.size() + batch.cases.size() >= spec_.most) break;
        HuntCase one = batch.strategy == HuntStrategy::priorities ? draw_.next() : draw_.fresh();
        one.number = ++composed_;
        one.strategy = batch.strategy;
        batch.cases.push_back(std::move(one));
    }
    return batch;
}

Result<RunResults> HuntRun::play_files(std::vector<std::string> files, HuntStrategy strategy,
                                       const std::filesystem::path& part, std::function<bool()> enough) {
    RunSpec spec = spec_.run;
    spec.scenarios = std::move(files);
    spec.arm = arm_text_.empty() ? "control" : "mutant";
    spec.trials = 1;
    spec.seed = 0;  // each case has its own
    spec.out = spec_.run.out / part;
    // The testers that the baselines stand for have no ledger.
    spec.manner.ledger = strategy == HuntStrategy::priorities;
    spec.enough = [enough = std::move(enough)](const TrialResult&) { return enough(); };
    return run_scenarios(spec, hosts_, progress_);
}

Status HuntRun::play(const Batch& batch) {
    std::vector<std::string> files;
    for (const auto& one : batch.cases) {
        MEMRIG_CHECK(write_file(case_file(one.number), scenario_text(one, arm_text_)));
        files.push_back(case_file(one.number).string());
    }
    const auto part = next_part("trials");
    const auto begun = steady_clock().now();
    const double before = hunt_.shares[batch.strategy].seconds;
    MEMRIG_TRY(const RunResults results,
               play_files(std::move(files), batch.strategy, part, [this] { return is_over(); }));
    hunt_.shares[batch.strategy].seconds = before + seconds(steady_clock().now() - begun);
    hunt_.interrupted = results.interrupted;
    if (!results.kernels.empty()) hunt_.release = results.kernels.front().release;
    MEMRIG_CHECK(
        take_in(batch, results, part,
                begun - std::chrono::duration_cast<SteadyTime::duration>(std::chrono::duration<double>(before))));
    if (!results.fault.empty()) return fail(Fault::rig, "{}", results.fault);
    return {};
}

// In the order of their numbers: what is learned from them does not depend on which trial ended first.
Status HuntRun::take_in(const Batch& batch, const RunResults& results, const std::filesystem::path& part,
                        SteadyTime origin) {
    for (const auto& one : batch.cases) {
        const auto stem = case_file(one.number).stem();
        const auto arm = std::ranges::find_if(
            results.arms, [&](const ArmResult& each) { return fs::path(each.scenario).stem() == stem; });
        if (arm == results.arms.end()) continue;
        hunt_.kernel = arm->kernel;
        HuntedCase hunted{one, {}, {}, seconds(progress_.end_of(arm->scenario, steady_clock().now()) - origin), 0};
        HuntLine line = {{"case", case_json(one)}, {"at_seconds", hunted.at_seconds}};
        if (!arm->trials.empty()) {
            TrialOutcome outcome;
            outcome.result = arm->trials.front();
            outcome.result.directory = part / outcome.result.directory;
            line["outcome"] = outcome_json(outcome);
            hunted.trial = std::move(outcome.result);
        } else {
            hunted.not_played = arm->not_set_up ? arm->not_set_up->line() : arm->skipped;
            if (hunted.not_played.empty()) continue;  // the hunt was over
            line["outcome"] = hunted.not_played;
        }
        MEMRIG_CHECK(journal_.append(line_of(line)));
        learn(std::move(hunted));
    }
    return {};
}

void HuntRun::learn(HuntedCase hunted) {
    StrategyShare& share = hunt_.shares[hunted.one.strategy];
    if (hunted.not_played.empty()) {
        share.trials++;
        if (convicts(hunted.trial.verdict)) share.convicted++;
        else if (hunted.trial.verdict != Verdict::held) share.inconclusive++;
        const fs::path trial = spec_.run.out / hunted.trial.directory;
        for (const auto& item : coverage_of(trial)) hunted.fresh += hunt_.coverage.insert(item).second ? 1 : 0;
        if (hunted.one.strategy == HuntStrategy::priorities) draw_.learn(hunted.one, passed_by(trial), hunted.fresh);
    }
    hunt_.cases.push_back(std::move(hunted));
    const HuntedCase& last = hunt_.cases.back();
    if (last.not_played.empty() && convicts(last.trial.verdict)) note_finding(hunt_.cases.size() - 1);
}

void HuntRun::note_finding(std::size_t index) {
    const HuntedCase& hunted = hunt_.cases[index];
    if (hunted.trial.findings.empty()) return;
    const Fingerprint fingerprint = fingerprint_of(hunted.trial.findings.front());
    const auto known = std::ranges::find(hunt_.findings, fingerprint.hash, &HuntFinding::hash);
    if (known != hunt_.findings.end()) {
        known->cases.push_back(index);
        return;
    }
    HuntFinding finding;
    finding.hash = fingerprint.hash;
    finding.text = fingerprint.text;
    finding.verdict = hunted.trial.verdict;
    finding.cases = {index};
    finding.smallest = hunted.one;
    hunt_.findings.push_back(std::move(finding));
    logger(LogLayer::run).warn("found: {}", fingerprint.text);
}

Result<const TrialResult*> HuntRun::play_once(const HuntCase& one, RunResults& results) {
    const auto part = next_part("shrinking");
    MEMRIG_CHECK(make_directories(spec_.run.out / part));
    const fs::path file = spec_.run.out / part / "case.toml";
    MEMRIG_CHECK(write_file(file, scenario_text(one, arm_text_)));
    MEMRIG_TRY(results, play_files({file.string()}, one.strategy, part / "trials", [] { return false; }));
    if (results.interrupted) return fail(Fault::interrupted, "interrupted");
    return results.arms.empty() || results.arms.front().trials.empty() ? nullptr : &results.arms.front().trials.front();
}

Status HuntRun::shrink(HuntFinding& finding) {
    const HuntedCase& first = hunt_.cases[finding.cases.front()];
    const auto convicts_again = [&](const HuntCase& one) -> Result<bool> {
        RunResults results;
        MEMRIG_TRY(const TrialResult* trial, play_once(one, results));
        return trial != nullptr && convicts(trial->verdict) && !trial->findings.empty() &&
               fingerprint_of(trial->findings.front()).hash == finding.hash;
    };
    if (first.one.strategy == HuntStrategy::priorities) {
        // A finding that does not come again with its switches keeps its priorities.
        const HuntCase fixed = with_switches(first.one, first.trial.order);
        MEMRIG_TRY(const bool repeats, convicts_again(fixed));
        MEMRIG_TRY(const Shrunk small, shrunk(repeats ? fixed : first.one, kMostAttempts, convicts_again));
        finding.smallest = small.smallest;
        finding.attempts = small.attempts + 1;
    }
    for (finding.of = 0; finding.of < kTrialsAgain; finding.of++) {
        MEMRIG_TRY(const bool again, convicts_again(finding.smallest));
        if (again) finding.again++;
    }
    return {};
}

Status HuntRun::write_finding(HuntFinding& finding) {
    finding.file = fmt::format("findings/{}.toml", finding.hash);
    MEMRIG_CHECK(make_directories(spec_.run.out / "findings"));
    return write_file(spec_.run.out / finding.file, scenario_text(finding.smallest, arm_text_));
}

Result<Hunt> HuntRun::run() {
    if (!spec_.scenario.empty()) {
        MEMRIG_TRY(const Scenario scenario, load_scenario(spec_.scenario));
        MEMRIG_TRY(arm_text_, hunted_arm(scenario, spec_.arm));
    }
    MEMRIG_CHECK(make_directories(spec_.run.out / "cases"));
    hunt_.seed = spec_.seed;
    MEMRIG_CHECK(read_journal());
    begun_ = steady_clock().now();
    while (!is_over()) {
        const Batch batch = compose();
        if (batch.cases.empty()) break;
        MEMRIG_CHECK(play(batch));
        const auto& last = hunt_.cases;
        if (last.empty() || std::ranges::all_of(last, [](const HuntedCase& one) { return !one.not_played.empty(); }))
            break;  // no case can be set up on this kernel
    }
    for (auto& finding : hunt_.findings) {
        if (spec_.shrink && !hunt_.interrupted) {
            const Status shrunk = shrink(finding);
            if (!shrunk && shrunk.error().fault != Fault::interrupted) return std::unexpected(shrunk.error());
            hunt_.interrupted = !shrunk;
        }
        MEMRIG_CHECK(write_finding(finding));
    }
    hunt_.seconds += seconds(steady_clock().now() - begun_);
    return std::move(hunt_);
}

}  // namespace

int Hunt::exit_status() const {
    if (interrupted) return kExitInterrupted;
    if (!findings.empty()) return kExitNotAsExpected;
    const auto is_rig_fault = [](const HuntedCase& one) {
        return one.not_played.empty() && one.trial.verdict == Verdict::rig_fault;
    };
    if (std::ranges::any_of(cases, is_rig_fault)) return kExitRigFault;
    const bool judged = std::ranges::any_of(shares, [](const auto& share) { return share.second.judged() > 0; });
    return judged ? kExitGood : kExitNothingRun;
}

Result<std::uint64_t> seed_of_hunt(const std::filesystem::path& directory) {
    constexpr std::uint64_t most = 1u << 30;
    const fs::path path = directory / "hunt.jsonl";
    const auto text = read_file(path, most);
    if (!text) return fail(Fault::user_input, "there is no hunt in {}", directory.string());
    const HuntLine head = HuntLine::parse(text->substr(0, text->find('\n')), nullptr, false);
    if (!head.is_object() || !head.contains("seed") || !head["seed"].is_number_unsigned())
        return fail(Fault::user_input, "{} is damaged", path.string());
    return head["seed"].get<std::uint64_t>();
}

Result<Hunt> run_hunt(const HuntSpec& spec, const std::vector<Host*>& hosts, RunObserver& observer) {
    MEMRIG_ASSERT(spec.run.kernels.size() == 1, "a hunt is of one kernel");
    MEMRIG_ASSERT(!spec.strategies.empty() && !spec.benches.empty(), "the caller has chosen strategies and benches");
    return HuntRun(spec, hosts, observer).run();
}

}  // namespace memrig
