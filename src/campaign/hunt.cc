#include "campaign/hunt.h"

#include <algorithm>

#include "base/assert.h"
#include "base/exit_status.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "campaign/fingerprint.h"
#include "campaign/hunt_draw.h"
#include "campaign/hunt_journal.h"
#include "campaign/hunt_shrink.h"

namespace memrig {

namespace {

// A batch is drawn as a whole, before its first case is played: so the cases do not depend on the number of jobs.
constexpr std::size_t kBatch = 8;
constexpr unsigned kMostAttempts = 40;
constexpr unsigned kTrialsAgain = 3;

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
        : spec_(spec), hosts_(hosts), progress_(observer), journal_(spec.run.out), draw_(spec.seed, spec.benches) {
        if (spec.run.portion.kind != Portion::Kind::shard) return;
        const UnitRange own = units_of(spec.run.portion.shard, spec.most);
        composed_ = static_cast<unsigned>(own.begin);
        most_ = own.end;
    }

    Result<Hunt> run();

private:
    struct Batch {
        HuntStrategy strategy;
        std::vector<HuntCase> cases;
    };
    [[nodiscard]] std::string identity() const;
    Status read_journal();
    Batch compose();
    // Plays the cases that are not known yet, and makes them known.
    Status play(const Batch& batch);
    // `origin`: when the strategy would have begun, had no other strategy had its turns.
    Status take_in(const std::vector<HuntCase>& played, const RunResults& results, const std::filesystem::path& part,
                   SteadyTime origin);
    Status hunt();
    // Fault::user_input if its kernel has another image than the cases before.
    Status learn(HuntedCase hunted);
    void note_finding(std::size_t index);
    Result<RunResults> play_files(std::vector<std::string> files, HuntStrategy strategy,
                                  const std::filesystem::path& part, std::function<bool()> enough);
    Result<const TrialResult*> play_once(const HuntCase& one, RunResults& results);
    Status shrink(HuntFinding& finding);
    [[nodiscard]] bool is_settled(unsigned number) const;
    [[nodiscard]] bool is_late() const;
    [[nodiscard]] bool is_over() const;
    [[nodiscard]] bool plays() const {
        return spec_.run.portion.kind == Portion::Kind::whole || spec_.run.portion.kind == Portion::Kind::shard;
    }
    [[nodiscard]] std::filesystem::path case_file(unsigned number) const {
        return spec_.run.out / "cases" / fmt::format("{:05}.toml", number);
    }
    [[nodiscard]] std::filesystem::path next_part(const char* name);

    const HuntSpec& spec_;
    const std::vector<Host*>& hosts_;
    HuntProgress progress_;
    HuntJournal journal_;
    HuntDraw draw_;
    std::string arm_text_;
    Hunt hunt_;
    std::map<unsigned, HuntedCase> known_;  // by number: what cases came to, until it is learned
    SteadyTime begun_ = steady_clock().now();
    unsigned composed_ = 0, batches_ = 0;
    std::size_t most_ = spec_.most;
};

std::string HuntRun::identity() const {
    Hasher hasher;
    hasher.add(MEMRIG_VERSION).add(spec_.run.kernels.front()).add(std::to_string(spec_.seed)).add(arm_text_);
    for (const auto& bench : spec_.benches) hasher.add(bench);
    for (const auto strategy : spec_.strategies) hasher.add(to_string(strategy));
    return hasher.finish();
}

bool HuntRun::is_late() const {
    if (hunt_.interrupted) return true;
    return spec_.seconds > 0 && hunt_.seconds + seconds(steady_clock().now() - begun_) >= spec_.seconds;
}

bool HuntRun::is_over() const { return is_late() || !plays() || (most_ != 0 && composed_ >= most_); }

std::filesystem::path HuntRun::next_part(const char* name) {
    std::error_code code;
    unsigned part = 1;
    while (fs::exists(spec_.run.out / fmt::format("{}-{}", name, part), code)) part++;
    return fmt::format("{}-{}", name, part);
}

Status HuntRun::read_journal() {
    MEMRIG_TRY(known_, journal_.start(identity(), spec_.seed, spec_.resume));
    for (const auto& [number, hunted] : known_) {
        double& taken = hunt_.shares[hunted.one.strategy].seconds;
        taken = std::max(taken, hunted.at_seconds);
    }
    for (const auto& [strategy, share] : hunt_.shares) hunt_.seconds += share.seconds;
    if (most_ != 0 && !known_.empty() && known_.rbegin()->first > most_)
        return fail_with(
            {Fault::user_input, fmt::format("the hunt has {} already", counted(known_.size(), "case")), {}},
            "give a larger --most");
    return {};
}

// A rig fault is played again.
bool HuntRun::is_settled(unsigned number) const {
    const auto found = known_.find(number);
    return found != known_.end() &&
           (!found->second.not_played.empty() || found->second.trial.verdict != Verdict::rig_fault);
}

HuntRun::Batch HuntRun::compose() {
    Batch batch{spec_.strategies[batches_++ % spec_.strategies.size()], {}};
    draw_.begin_batch(composed_);
    while (batch.cases.size() < kBatch && (most_ == 0 || composed_ < most_)) {
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
    std::vector<HuntCase> played;
    for (const auto& one : batch.cases) {
        if (is_settled(one.number)) continue;
        played.push_back(one);
        MEMRIG_CHECK(write_file(case_file(one.number), scenario_text(one, arm_text_)));
        files.push_back(case_file(one.number).string());
    }
    if (played.empty()) return {};
    const auto part = next_part("trials");
    const auto begun = steady_clock().now();
    const double before = hunt_.shares[batch.strategy].seconds;
    MEMRIG_TRY(const RunResults results,
               play_files(std::move(files), batch.strategy, part, [this] { return is_late(); }));
    hunt_.shares[batch.strategy].seconds = before + seconds(steady_clock().now() - begun);
    hunt_.interrupted = results.interrupted;
    MEMRIG_CHECK(
        take_in(played, results, part,
                begun - std::chrono::duration_cast<SteadyTime::duration>(std::chrono::duration<double>(before))));
    if (!results.fault.empty()) return fail(Fault::rig, "{}", results.fault);
    return {};
}

Status HuntRun::take_in(const std::vector<HuntCase>& played, const RunResults& results,
                        const std::filesystem::path& part, SteadyTime origin) {
    for (const auto& one : played) {
        const auto stem = case_file(one.number).stem();
        const auto arm = std::ranges::find_if(
            results.arms, [&](const ArmResult& each) { return fs::path(each.scenario).stem() == stem; });
        if (arm == results.arms.end()) continue;
        HuntedCase hunted;
        hunted.one = one;
        hunted.at_seconds = seconds(progress_.end_of(arm->scenario, steady_clock().now()) - origin);
        if (!results.kernels.empty()) {
            hunted.release = results.kernels.front().release;
            hunted.image = results.kernels.front().sha256;
        }
        if (!arm->trials.empty()) {
            hunted.trial = arm->trials.front();
            hunted.trial.directory = part / hunted.trial.directory;
            const fs::path trial = spec_.run.out / hunted.trial.directory;
            hunted.passed = passed_by(trial);
            hunted.covered = coverage_of(trial);
        } else {
            hunted.not_played = arm->not_set_up ? arm->not_set_up->line() : arm->skipped;
            if (hunted.not_played.empty()) continue;  // the hunt was over
        }
        MEMRIG_CHECK(journal_.append(hunted));
        known_.insert_or_assign(one.number, std::move(hunted));
    }
    return {};
}

// Cases come in the order of their numbers: what is fresh does not depend on which trial ended first.
Status HuntRun::learn(HuntedCase hunted) {
    std::string& image = hunt_.images[hunt_.kernel];
    if (image.empty()) image = hunted.image;
    if (!hunted.image.empty() && hunted.image != image)
        return fail_with({Fault::user_input,
                          fmt::format("the image of {} is not the one that the hunt began with", hunt_.kernel),
                          {}},
                         "begin a new hunt with another --out");
    hunt_.release = hunted.release.empty() ? hunt_.release : hunted.release;
    StrategyShare& share = hunt_.shares[hunted.one.strategy];
    if (hunted.not_played.empty()) {
        share.trials++;
        if (convicts(hunted.trial.verdict)) share.convicted++;
        else if (hunted.trial.verdict != Verdict::held) share.inconclusive++;
        for (const auto& item : hunted.covered) hunted.fresh += hunt_.coverage.insert(item).second ? 1 : 0;
        if (hunted.one.strategy == HuntStrategy::priorities && hunted.trial.verdict != Verdict::rig_fault)
            draw_.learn(hunted.one, hunted.passed, hunted.fresh);
    }
    hunt_.cases.push_back(std::move(hunted));
    const HuntedCase& last = hunt_.cases.back();
    if (last.not_played.empty() && convicts(last.trial.verdict)) note_finding(hunt_.cases.size() - 1);
    return {};
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

// Draws the batches that the journal knows once more, so that a hunt that goes on learns what it had learned.
Status HuntRun::hunt() {
    const auto last_known = [this] { return known_.empty() ? 0 : known_.rbegin()->first; };
    while (!is_over() || composed_ < last_known()) {
        const Batch batch = compose();
        if (batch.cases.empty()) break;
        if (!is_late() && plays()) MEMRIG_CHECK(play(batch));
        for (const auto& one : batch.cases) {
            auto found = known_.extract(one.number);
            if (!found) continue;
            // Shards leave their cases in their own directories.
            if (!plays()) MEMRIG_CHECK(write_file(case_file(one.number), scenario_text(found.mapped().one, arm_text_)));
            MEMRIG_CHECK(learn(std::move(found.mapped())));
        }
        const auto not_played = [](const HuntedCase& one) { return !one.not_played.empty(); };
        if (plays() && known_.empty() && !hunt_.cases.empty() && std::ranges::all_of(hunt_.cases, not_played))
            break;  // no case can be set up on this kernel
    }
    return {};
}

Result<Hunt> HuntRun::run() {
    if (!spec_.scenario.empty()) {
        MEMRIG_TRY(const Scenario scenario, load_scenario(spec_.scenario));
        MEMRIG_TRY(arm_text_, hunted_arm(scenario, spec_.arm));
    }
    MEMRIG_CHECK(make_directories(spec_.run.out / "cases"));
    hunt_.seed = spec_.seed;
    hunt_.kernel = spec_.run.kernels.front();
    MEMRIG_CHECK(read_journal());
    begun_ = steady_clock().now();
    MEMRIG_CHECK(hunt());
    for (auto& finding : hunt_.findings) {
        if (read_shrunk(spec_.run.out, finding)) continue;
        if (spec_.shrink && !hunt_.interrupted && spec_.run.portion.kind == Portion::Kind::whole) {
            const Status shrunk = shrink(finding);
            if (!shrunk && shrunk.error().fault != Fault::interrupted) return std::unexpected(shrunk.error());
            hunt_.interrupted = !shrunk;
        }
        MEMRIG_CHECK(write_finding(spec_.run.out, finding, arm_text_));
    }
    hunt_.seconds += seconds(steady_clock().now() - begun_);
    return std::move(hunt_);
}

}  // namespace

int Hunt::exit_status() const {
    if (interrupted) return kExitInterrupted;
    const auto is_rig_fault = [](const HuntedCase& one) {
        return one.not_played.empty() && one.trial.verdict == Verdict::rig_fault;
    };
    if (std::ranges::any_of(cases, is_rig_fault)) return kExitRigFault;
    if (!findings.empty()) return kExitNotAsExpected;
    const bool judged = std::ranges::any_of(shares, [](const auto& share) { return share.second.judged() > 0; });
    return judged ? kExitGood : kExitNothingRun;
}

Result<Hunt> run_hunt(const HuntSpec& spec, const std::vector<Host*>& hosts, RunObserver& observer) {
    MEMRIG_ASSERT(spec.run.kernels.size() == 1, "a hunt is of one kernel");
    MEMRIG_ASSERT(!spec.strategies.empty() && !spec.benches.empty(), "the caller has chosen strategies and benches");
    return HuntRun(spec, hosts, observer).run();
}

}  // namespace memrig
