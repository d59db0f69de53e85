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
#include "kernel/catalogue.h"
#include "run/exploration.h"
#include "run/fleet.h"
#include "scenario/scenario.h"

namespace memrig {

namespace {

constexpr std::uint64_t kLeastFreeBytes = 256ull << 20;

// Returns the reason why the scenario is not for a kernel with these symbols; empty if it is.
std::string not_meant_for(const Scenario& scenario, const SymbolTable& symbols) {
    const auto has = [&](const std::string& symbol) { return !symbols.all(symbol).empty(); };
    if (const auto lacked = std::ranges::find_if_not(scenario.needs, has); lacked != scenario.needs.end())
        return fmt::format("this kernel has no {}", *lacked);
    const auto surplus = std::ranges::find_if(scenario.lacks, has);
    return surplus == scenario.lacks.end() ? "" : fmt::format("this kernel has {}", *surplus);
}

// The index of an arm in RunResults::arms. Skipped arms are in that list, but are not planned. The type keeps this
// index apart from an index into the planned arms.
struct ResultIndex {
    std::size_t value;
};

// One arm to run: the result that it fills, and the inputs of its trials.
struct PlannedArm {
    ResultIndex result;
    const Scenario* scenario;
    const ScenarioArm* arm;
    Fleet::Guests* guests;
    fs::path directory;                             // relative to the run's directory
    std::unique_ptr<Exploration> exploration = {};  // only in explore mode
    std::vector<std::string> settings = {};         // all settings that were applied to the scenario
};

// One trial to run.
struct Task {
    PlannedArm* planned;
    NumberedOrder order;  // has switches only in explore mode
};

// The folder of a kernel or a scenario. A name is its own folder. A path becomes one folder, with a hash of the path,
// so that two paths never share a folder.
fs::path directory_name(const std::string& name) {
    const fs::path path = name;
    if (path.is_relative() && path.lexically_normal() == path && *path.begin() != ".." && path.extension() != ".toml")
        return path;
    std::string text = path.filename().string();
    for (char& c : text)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '.' && c != '_') c = '_';
    constexpr std::size_t digits = 8;
    return text + "-" + Hasher().add(name).finish().substr(0, digits);
}

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
        : spec_(spec), observer_(observer), fleet_(hosts, spec.accelerator, observer, mutex_) {}

    Result<RunResults> run();

private:
    Status check_output() const;
    Status make_output() const;
    Status load_scenarios();
    Status plan();
    [[nodiscard]] Result<Bench> bench_for(const Scenario& scenario, const KernelImage& kernel) const;
    Status plan_scenario(const Scenario& written, const KernelImage& kernel);
    Result<Fleet::Guests*> prepare(const Bench& bench, const KernelImage& kernel);
    void work();
    Status fill_queue();
    Status plan_exploration(PlannedArm& planned);
    ArmResult& result_of(const PlannedArm& planned);
    Result<TrialOutcome> run_one(PlannedArm& planned, const NumberedOrder& next);
    Status take_in(PlannedArm& planned, TrialOutcome outcome);
    [[nodiscard]] unsigned trials_in_all() const;
    [[nodiscard]] std::vector<std::string> settings_of(const Scenario& scenario) const;

    const RunSpec& spec_;
    RunObserver& observer_;
    RunResults results_;
    std::vector<Scenario> scenarios_;
    std::deque<Scenario> changed_;    // fitted to a bench, and with an arm's settings; planned_ points here
    std::deque<PlannedArm> planned_;  // tasks point to its elements
    std::mutex mutex_;                // guards all members below, the trials in results_, and the observer
    Fleet fleet_;                     // locks mutex_ itself
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

std::vector<std::string> Run::settings_of(const Scenario& scenario) const {
    std::vector<std::string> settings;
    if (spec_.manner.mode == Mode::explore) settings = scenario.explore_settings;
    settings.insert(settings.end(), spec_.manner.settings.begin(), spec_.manner.settings.end());
    return settings;
}

Status Run::load_scenarios() {
    for (const auto& name : spec_.scenarios) {
        MEMRIG_TRY(Scenario scenario, load_scenario(name));
        for (const auto& setting : settings_of(scenario)) MEMRIG_CHECK(apply_setting(scenario, setting));
        scenarios_.push_back(std::move(scenario));
    }
    return {};
}

Result<Fleet::Guests*> Run::prepare(const Bench& bench, const KernelImage& kernel) {
    MEMRIG_TRY(const auto prepared, fleet_.prepare(bench, kernel));
    const PreparedGuest& guest = Fleet::any_of(*prepared.guests);
    results_.qemu_version = guest.qemu_version;
    results_.accelerator = to_string(guest.order.accelerator);
    if (prepared.is_new)
        results_.kernels.push_back({kernel.id, guest.hello.release, kernel.sha256, guest.boot_seconds});
    return prepared.guests;
}

// The first bench of the scenario that the kernel can run on; if there is none, the first bench.
Result<Bench> Run::bench_for(const Scenario& scenario, const KernelImage& kernel) const {
    if (!spec_.bench.empty()) return load_bench(spec_.bench);
    for (const auto& name : scenario.benches) {
        MEMRIG_TRY(Bench bench, load_bench(name));
        if (bench.arch == kernel.arch) return bench;
    }
    MEMRIG_ASSERT(!scenario.benches.empty(), "a scenario names a bench");
    return load_bench(scenario.benches.front());
}

Status Run::plan_scenario(const Scenario& written, const KernelImage& kernel) {
    MEMRIG_TRY(Bench bench, bench_for(written, kernel));
    // A single scenario that is not for this architecture is the user's mistake. prepare() reports it.
    const bool of_another =
        bench.arch != kernel.arch && spec_.bench.empty() && (spec_.skip_other_machines || scenarios_.size() > 1);
    if (!of_another) MEMRIG_CHECK(use_emulator(bench, spec_.emulator));
    const Scenario& scenario = changed_.emplace_back(fitted_to(bench, written));
    if (!spec_.bench.empty() && spec_.bench.find('/') == std::string::npos &&
        std::ranges::find(scenario.benches, spec_.bench) == scenario.benches.end())
        return fail(Fault::user_input, "scenario {} is not for bench {}", scenario.name, spec_.bench);
    bool any = false;
    for (const auto& arm : scenario.arms) {
        if (spec_.arm != "all" && spec_.arm != arm.name) continue;
        any = true;
        ArmResult result;
        result.scenario = scenario.name;
        result.kernel = kernel.id;
        result.bench = bench.name;
        result.arm = arm.name;
        result.purpose = arm.purpose;
        result.expected = arm.expected;
        result.mode = spec_.manner.mode;
        result.trials_asked = spec_.trials != 0 ? spec_.trials : scenario.trials;
        const auto skip = [&](std::string why) {
            result.skipped = std::move(why);
            result.trials_asked = 0;
            results_.arms.push_back(std::move(result));
        };
        if (of_another) {
            skip(fmt::format("it has no bench for {}", kernel.arch));
            continue;
        }
        MEMRIG_TRY(Fleet::Guests* const guests, prepare(bench, kernel));
        const PreparedGuest& guest = Fleet::any_of(*guests);
        if (const std::string reason = not_meant_for(scenario, guest.symbols); !reason.empty()) {
            skip(reason);
            continue;
        }
        MEMRIG_CHECK(check_fit(guest));
        const fs::path directory = directory_name(scenario.name) / directory_name(kernel.id) / arm.name;
        const Scenario* played = &scenario;
        std::vector<std::string> settings = settings_of(scenario);
        if (!arm.settings.empty()) {
            played = &changed_.emplace_back(scenario);
            for (const auto& setting : arm.settings) MEMRIG_CHECK(apply_setting(changed_.back(), setting));
            settings.insert(settings.end(), arm.settings.begin(), arm.settings.end());
        }
        planned_.push_back({{results_.arms.size()}, played, &arm, guests, directory, {}, std::move(settings)});
        results_.arms.push_back(std::move(result));
    }
    if (!any) return fail(Fault::user_input, "scenario {} has no arm \"{}\"", scenario.name, spec_.arm);
    return {};
}

Status Run::plan() {
    for (const auto& id : spec_.kernels) {
        MEMRIG_TRY(const KernelImage kernel, resolve_kernel(id));
        for (const auto& scenario : scenarios_) MEMRIG_CHECK(plan_scenario(scenario, kernel));
    }
    return {};
}

Status Run::fill_queue() {
    for (PlannedArm& planned : planned_)
        if (spec_.manner.mode == Mode::explore) MEMRIG_CHECK(plan_exploration(planned));
        else
            for (unsigned number = 1; number <= result_of(planned).trials_asked; number++)
                queue_.push_back({&planned, {number, {}}});
    return {};
}

ArmResult& Run::result_of(const PlannedArm& planned) {
    MEMRIG_ASSERT(planned.result.value < results_.arms.size(), "a planned arm has a result");
    return results_.arms[planned.result.value];
}

Status Run::plan_exploration(PlannedArm& planned) {
    const KernelImage& kernel = Fleet::any_of(*planned.guests).order.kernel;
    const auto points = points_of(spec_.manner, *planned.scenario);
    Hasher identity;
    identity.add(planned.scenario->text).add(planned.arm->name).add(kernel.sha256).add(MEMRIG_VERSION);
    for (const auto& word : points) identity.add(word);
    for (const auto& word : planned.settings) identity.add(word);
    identity.add(std::to_string(spec_.manner.preemptions)).add(std::to_string(results_.seed));
    planned.exploration = std::make_unique<Exploration>(spec_.out / planned.directory / "explored.jsonl",
                                                        identity.finish(), spec_.manner, points);
    MEMRIG_TRY(const auto start, planned.exploration->start(spec_.resume));
    ArmResult& arm = result_of(planned);
    arm.trials = start.played;
    arm.trials_asked = static_cast<unsigned>(planned.exploration->summary().known);
    for (const auto& order : start.to_play) queue_.push_back({&planned, order});
    return {};
}

unsigned Run::trials_in_all() const {
    unsigned trials = 0;
    for (const auto& arm : results_.arms) trials += arm.trials_asked;
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
        if (spec_.stop_at_first && arm.is_shown_by(outcome.result)) planned.exploration->stop_at_first();
        const std::size_t known = planned.exploration->summary().known;
        arm.trials_asked =
            static_cast<unsigned>(spec_.trials == 0 ? known : std::min<std::size_t>(known, spec_.trials));
        std::erase_if(queue_, [&](const Task& task) {
            return task.planned == &planned &&
                   (planned.exploration->summary().stopped_at_first || task.order.number > arm.trials_asked);
        });
        observer_.planned(trials_in_all());
    }
    arm.trials.push_back(std::move(outcome.result));
    observer_.trial_done(arm, arm.trials.back());
    if (spec_.enough && spec_.enough(arm.trials.back())) queue_.clear();
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
        const Status taken = outcome ? take_in(planned, *std::move(outcome)) : Status(std::unexpected(outcome.error()));
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
    MEMRIG_CHECK(load_scenarios());
    MEMRIG_CHECK(check_output());
    MEMRIG_CHECK(plan());
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
        const bool none = std::ranges::all_of(results_.arms, [](const ArmResult& arm) { return arm.trials.empty(); });
        if (none || error_->fault == Fault::user_input) return std::unexpected(*error_);
        results_.fault = error_->line();
    }
    for (auto& arm : results_.arms) std::ranges::sort(arm.trials, {}, &TrialResult::number);
    results_.hosts = fleet_.shares();
    for (auto& host : results_.hosts)
        for (const auto& arm : results_.arms)
            host.trials += static_cast<unsigned>(std::ranges::count(arm.trials, host.name, &TrialResult::host));
    for (const auto& planned : planned_)
        if (planned.exploration) result_of(planned).explored = planned.exploration->summary();
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
