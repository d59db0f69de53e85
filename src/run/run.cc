#include "run/run.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <random>
#include <thread>

#include "base/assert.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/stop_request.h"
#include "base/text.h"
#include "run/arm_setup.h"

namespace memrig {

namespace {

constexpr std::uint64_t kLeastFreeBytes = 256ull << 20;

// One trial to run.
struct Task {
    PlannedArm* planned;
    NumberedOrder order;  // has switches only in explore mode
};

std::string now_utc() {
    const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

class Run {
public:
    Run(const RunSpec& spec, const std::vector<Host*>& hosts, RunObserver& observer)
        : spec_(spec),
          observer_(observer),
          fleet_(hosts, spec.accelerator, observer, mutex_),
          setup_(spec, fleet_, results_) {}

    Result<RunResults> run();

private:
    Status check_output() const;
    Status make_output() const;
    void work();
    Status fill_queue();
    // Plans all arms in explore mode.
    Status plan_explorations();
    void plan_exploration(PlannedArm& planned, const Exploration::Start& start);
    Result<Exploration::Start> start_exploration(PlannedArm& planned);
    // Takes the orders that are not to be played out of the queue.
    // REQUIRES: mutex_ is locked, or nothing is played yet.
    void limit_exploration(PlannedArm& planned);
    ArmResult& result_of(const PlannedArm& planned);
    Result<TrialOutcome> run_one(PlannedArm& planned, const NumberedOrder& next);
    Status take_in(PlannedArm& planned, TrialOutcome outcome);
    Status give_up(PlannedArm& planned, const Error& error);
    [[nodiscard]] bool nothing_was_played() const;
    [[nodiscard]] unsigned trials_in_all() const;

    const RunSpec& spec_;
    RunObserver& observer_;
    RunResults results_;
    std::mutex mutex_;  // guards all members below but setup_, the trials in results_, and the observer
    Fleet fleet_;       // locks mutex_ itself
    ArmSetup setup_;    // tasks point to its planned arms
    std::deque<Task> queue_;
    std::condition_variable more_;  // notified when a trial has ended: more tasks may be there, or none will come
    unsigned running_ = 0;
    std::optional<Error> error_;
};

Status Run::check_output() const {
    std::error_code code;
    if (!spec_.resume && fs::exists(spec_.out, code) && !fs::is_empty(spec_.out, code))
        return fail_with({Fault::user_input, fmt::format("{} is not empty", spec_.out.string()), {}},
                         "a run's directory has to be new");
    return {};
}

Status Run::make_output() const {
    MEMRIG_CHECK(make_directories(spec_.out));
    MEMRIG_TRY(const std::uint64_t free, free_space(spec_.out));
    if (free < kLeastFreeBytes) return fail(Fault::host, "only {} MiB are free at {}", free >> 20, spec_.out.string());
    return {};
}

Status Run::fill_queue() {
    if (spec_.manner.mode == Mode::explore) return plan_explorations();
    for (PlannedArm& planned : setup_.planned())
        for (unsigned number = 1; number <= result_of(planned).trials_asked; number++)
            queue_.push_back({&planned, {number, {}}});
    return {};
}

ArmResult& Run::result_of(const PlannedArm& planned) {
    MEMRIG_ASSERT(planned.result.value < results_.arms.size(), "a planned arm has a result");
    return results_.arms[planned.result.value];
}

Result<Exploration::Start> Run::start_exploration(PlannedArm& planned) {
    const KernelImage& kernel = Fleet::any_of(*planned.guests).order.kernel;
    const auto points = points_of(spec_.manner, *planned.scenario);
    Hasher identity;
    identity.add(planned.scenario->text).add(planned.arm->name).add(kernel.sha256).add(MEMRIG_VERSION);
    for (const auto& word : points) identity.add(word);
    for (const auto& word : planned.settings) identity.add(word);
    identity.add(std::to_string(spec_.manner.preemptions)).add(std::to_string(results_.seed));
    const fs::path journal = planned.directory / "explored.jsonl";
    result_of(planned).journal = journal;
    planned.exploration = std::make_unique<Exploration>(spec_.out / journal, identity.finish(), spec_.manner, points);
    return planned.exploration->start(spec_.resume, spec_.portion.kind == Portion::Kind::nothing);
}

void Run::plan_exploration(PlannedArm& planned, const Exploration::Start& start) {
    result_of(planned).trials = start.played;
    for (const auto& order : start.to_play)
        if (planned.exploration->is_own(order.order)) queue_.push_back({&planned, order});
    limit_exploration(planned);
}

// A shard's units are known only once the journals of all arms were read.
Status Run::plan_explorations() {
    std::vector<Exploration::Start> starts;
    std::uint64_t all = 0, before = 0;
    for (PlannedArm& planned : setup_.planned()) {
        MEMRIG_TRY(auto start, start_exploration(planned));
        starts.push_back(std::move(start));
        all += planned.exploration->subtrees();
    }
    const bool is_shard = spec_.portion.kind == Portion::Kind::shard;
    const UnitRange own = is_shard ? units_of(spec_.portion.shard, all) : UnitRange{0, all};
    auto start = starts.begin();
    for (PlannedArm& planned : setup_.planned()) {
        const std::uint64_t here = planned.exploration->subtrees();
        const auto clamped = [&](std::uint64_t unit) { return std::clamp(unit, before, before + here) - before; };
        if (is_shard) planned.exploration->restrict_to({clamped(own.begin), clamped(own.end)});
        plan_exploration(planned, *start++);
        before += here;
    }
    if (spec_.portion.kind == Portion::Kind::nothing) queue_.clear();
    return {};
}

void Run::limit_exploration(PlannedArm& planned) {
    ArmResult& arm = result_of(planned);
    if (spec_.stop_at_first &&
        std::ranges::any_of(arm.trials, [&](const TrialResult& trial) { return arm.is_shown_by(trial); }))
        planned.exploration->stop_at_first();
    const ExploreSummary& summary = planned.exploration->summary();
    arm.trials_asked =
        static_cast<unsigned>(spec_.trials == 0 ? summary.known : std::min<std::size_t>(summary.known, spec_.trials));
    if (spec_.portion.kind == Portion::Kind::opening) arm.trials_asked = 1;
    // The numbers of a shard's orders go on behind those of the others' orders.
    const std::size_t most = spec_.portion.kind == Portion::Kind::shard ? SIZE_MAX : arm.trials_asked;
    std::erase_if(queue_, [&](const Task& task) {
        return task.planned == &planned && (summary.stopped_at_first || task.order.number > most);
    });
}

bool Run::nothing_was_played() const {
    return std::ranges::all_of(results_.arms, [](const ArmResult& arm) { return arm.trials.empty(); });
}

unsigned Run::trials_in_all() const {
    unsigned trials = 0;
    for (const auto& arm : results_.arms)
        if (!arm.not_set_up) trials += arm.trials_asked;
    return trials;
}

Result<TrialOutcome> Run::run_one(PlannedArm& planned, const NumberedOrder& next) {
    const fs::path directory = planned.directory / fmt::format("{:04}", next.number);
    TrialSpec spec{{}, *planned.scenario,     *planned.arm, next.number, results_.seed + next.number,
                   {}, spec_.out / directory, spec_.manner, next.order};
    spec.manner.settings = planned.settings;
    // All orders of an arm must have the same choices, so they share one seed.
    if (spec.manner.mode == Mode::explore) spec.seed = results_.seed;
    for (const auto& actor : planned.scenario->schedule.actors) {
        if (!actor.is_thread()) continue;
        MEMRIG_ASSERT(!actor.attributes.empty(), "a thread has an attribute to write to");
        spec.attributes[actor.name] = actor.attributes[spec.seed % actor.attributes.size()];
    }
    logger(LogLayer::run).info("{} begins", directory.string());
    auto outcome = fleet_.play(*planned.guests, spec);
    if (outcome) outcome->result.directory = directory;
    if (auto& log = logger(LogLayer::run); log.should_log(spdlog::level::info))
        log.info("{} ends: {}", directory.string(),
                 outcome ? fmt::format("{}: {}", to_string(outcome->result.verdict), one_line(outcome->result.reason))
                         : one_line(outcome.error().line()));
    return outcome;
}

// REQUIRES: mutex_ is locked.
Status Run::take_in(PlannedArm& planned, TrialOutcome outcome) {
    ArmResult& arm = result_of(planned);
    if (planned.exploration) {
        MEMRIG_TRY(const auto fresh, planned.exploration->played(outcome));
        for (const auto& order : fresh) queue_.push_back({&planned, order});
    }
    arm.trials.push_back(std::move(outcome.result));
    if (planned.exploration) {
        limit_exploration(planned);
        observer_.planned(trials_in_all());
    }
    observer_.trial_done(arm, arm.trials.back());
    if (spec_.enough && spec_.enough(arm.trials.back())) queue_.clear();
    return {};
}

// Ends an arm that cannot be played on its kernel and bench, such as one whose device has no whole number of the
// kernel's blocks. Another error ends the run. REQUIRES: mutex_ is locked.
Status Run::give_up(PlannedArm& planned, const Error& error) {
    if (error.fault != Fault::user_input) return std::unexpected(error);
    std::erase_if(queue_, [&](const Task& task) { return task.planned == &planned; });
    result_of(planned).not_set_up = error;
    observer_.planned(trials_in_all());
    return {};
}

void Run::work() {
    std::unique_lock guard(mutex_);
    for (;;) {
        more_.wait(guard, [this] { return !queue_.empty() || running_ == 0 || error_ || stop_request().requested(); });
        if (queue_.empty() || error_ || stop_request().requested()) break;
        const Task next = queue_.front();
        queue_.pop_front();
        running_++;
        guard.unlock();
        MEMRIG_ASSERT(next.planned != nullptr, "a task has an arm");
        PlannedArm& planned = *next.planned;
        auto outcome = run_one(planned, next.order);
        guard.lock();
        MEMRIG_ASSERT(running_ > 0, "this trial was counted");
        running_--;
        const Status taken = outcome ? take_in(planned, *std::move(outcome)) : give_up(planned, outcome.error());
        if (!taken && !error_) error_ = taken.error();
        more_.notify_all();
    }
    more_.notify_all();
}

Result<RunResults> Run::run() {
    const auto begun = steady_clock().now();
    results_.memrig_version = MEMRIG_VERSION;
    results_.started = now_utc();
    results_.seed = spec_.seed.value_or(spec_.manner.mode == Mode::explore ? 0 : std::random_device{}());
    results_.jobs = spec_.jobs;
    MEMRIG_CHECK(setup_.load_scenarios());
    MEMRIG_CHECK(check_output());
    MEMRIG_CHECK(setup_.plan());
    MEMRIG_CHECK(make_output());
    MEMRIG_CHECK(fill_queue());
    observer_.planned(trials_in_all());
    std::vector<std::thread> workers;
    for (unsigned i = 0; i < std::max(1u, spec_.jobs); i++) workers.emplace_back([this] { work(); });
    for (auto& worker : workers) worker.join();
    if (!spec_.keep_guests) fleet_.discard_new();
    results_.interrupted = stop_request().requested();
    if (error_ && error_->fault != Fault::interrupted) {
        // An error after the first trial does not discard the results so far.
        if (nothing_was_played()) return std::unexpected(*error_);
        results_.fault = error_->line();
    }
    // A single arm that cannot be played is the user's mistake.
    for (const auto& arm : results_.arms)
        if (arm.not_set_up && arm.not_set_up->fault == Fault::user_input && nothing_was_played())
            return std::unexpected(*arm.not_set_up);
    for (auto& arm : results_.arms) std::ranges::sort(arm.trials, {}, &TrialResult::number);
    results_.hosts = fleet_.shares();
    for (auto& host : results_.hosts)
        for (const auto& arm : results_.arms)
            host.trials += static_cast<unsigned>(std::ranges::count(arm.trials, host.name, &TrialResult::host));
    for (const auto& planned : setup_.planned())
        if (planned.exploration) {
            result_of(planned).explored = planned.exploration->summary();
            results_.units += planned.exploration->subtrees();
        }
    results_.seconds = seconds(steady_clock().now() - begun);
    return std::move(results_);
}

}  // namespace

Result<RunResults> run_scenarios(const RunSpec& spec, Host& host, RunObserver& observer) {
    return run_scenarios(spec, std::vector{&host}, observer);
}

Result<RunResults> run_scenarios(const RunSpec& spec, const std::vector<Host*>& hosts, RunObserver& observer) {
    return Run(spec, hosts, observer).run();
}

}  // namespace memrig
