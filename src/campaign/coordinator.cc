#include "campaign/coordinator.h"

#include <algorithm>
#include <climits>
#include <set>

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/exit_status.h"
#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "base/statistics.h"
#include "base/stop_request.h"
#include "campaign/shard_result.h"
#include "campaign/worker_report.h"
#include "run/host_pool.h"

namespace memrig {

namespace {

struct Attempt {
    CampaignTrial trial;
    unsigned attempt = 0;
    std::size_t host = 0;
    fs::path directory;  // relative to the campaign's
    Process process;
};

class Coordinator {
public:
    Coordinator(const CampaignSpec& spec, CampaignStore store, CampaignObserver& observer)
        : spec_(spec),
          store_(std::move(store)),
          observer_(observer),
          hosts_(spec.hosts, [&spec](std::size_t host) { return spec.answers(spec.hosts[host]); }),
          give_up_(limit(spec)) {}

    Status run() {
        MEMRIG_CHECK(prepare());
        const Status done = play();
        running_.clear();  // kills the workers that still run
        std::error_code ignored;
        fs::remove(spec_.directory / "scratch", ignored);
        scratch_.reset();
        return done;
    }

private:
    const PlanCell& cell_of(const CampaignTrial& trial) const {
        MEMRIG_ASSERT(trial.cell < spec_.plan.cells.size(), "the trial is one of the plan's");
        return spec_.plan.cells[trial.cell];
    }

    static std::optional<Deadline> limit(const CampaignSpec& spec) {
        return spec.budget ? std::optional(Deadline::after(*spec.budget)) : std::nullopt;
    }

    // Makes the workers' TMPDIR, which nobody can foresee. Its path is in the campaign's directory: so the next run
    // removes what this one leaves if it is killed.
    Status make_scratch() {
        const fs::path note = spec_.directory / "scratch";
        struct stat left{};
        if (const auto path = read_file(note, PATH_MAX))
            if (::lstat(path->c_str(), &left) == 0 && S_ISDIR(left.st_mode) && left.st_uid == ::getuid()) {
                std::error_code ignored;
                fs::remove_all(*path, ignored);
            }
        MEMRIG_TRY(scratch_, TemporaryDirectory::make("memrig-campaign"));
        return write_file(note, scratch_->path().string());
    }

    Status prepare() {
        MEMRIG_CHECK(make_scratch());
        MEMRIG_TRY(const auto finished, store_.finished());
        MEMRIG_TRY(const auto progress, store_.progress());
        taken_.resize(spec_.plan.cells.size());
        for (const auto& trial : finished)
            if (trial.cell < taken_.size()) taken_[trial.cell].insert(trial.number);
        good_.resize(taken_.size());
        finished_.resize(taken_.size());
        left_out_.resize(taken_.size());
        MEMRIG_ASSERT(progress.size() == taken_.size(), "CampaignStore::open() has compared the cells with the plan's");
        std::uint64_t done = 0;
        for (std::size_t i = 0; i < progress.size(); i++) {
            good_[i] = progress[i].as_expected;
            finished_[i] = progress[i].done;
            left_out_[i] = progress[i].is_left_out();
            done += std::min<std::uint64_t>(taken_[i].size(), spec_.plan.cells[i].trials);
        }
        done_ = done;
        observer_.begun(spec_.plan.trials(), done);
        return {};
    }

    Status play() {
        for (;;) {
            while (running_.size() < spec_.jobs && !(give_up_ && give_up_->expired())) {
                const auto next = next_trial();
                if (!next) break;
                MEMRIG_CHECK(start(*next));
            }
            if (running_.empty()) return {};
            MEMRIG_CHECK(wait());
            for (std::size_t i = 0; i < running_.size();) {
                const auto ended = running_[i].process.poll();
                if (!ended) {
                    i++;
                    continue;
                }
                Attempt attempt = std::move(running_[i]);
                running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
                MEMRIG_CHECK(take(attempt, *ended));
            }
        }
    }

    // Takes the planned trials in rounds, so that an interrupted campaign has seen a little of everything. Then, while
    // the budget lasts, takes one more trial of the cell whose rate is known least.
    std::optional<CampaignTrial> next_trial() {
        if (!again_.empty()) {
            const CampaignTrial trial = again_.front();
            again_.erase(again_.begin());
            return trial;
        }
        std::optional<CampaignTrial> next;
        unsigned lowest = UINT_MAX;  // the round of `next`
        for (std::size_t i = 0; i < taken_.size(); i++) {
            if (left_out_[i]) continue;
            const unsigned number = first_free(i);
            const PlanCell& cell = spec_.plan.cells[i];
            if (number > cell.last() || number - cell.first >= lowest) continue;
            lowest = number - cell.first;
            next = CampaignTrial{i, number};
        }
        if (next || !give_up_) return claim(next);
        double widest = -1;
        for (std::size_t i = 0; i < taken_.size(); i++) {
            if (left_out_[i]) continue;
            // Running trials count as if they had the same rate as the finished ones.
            const std::uint64_t taken = taken_[i].size();
            const std::uint64_t good = finished_[i] == 0 ? taken : taken * good_[i] / finished_[i];
            const Interval interval = wilson_interval(std::min(good, taken), taken);
            if (interval.high - interval.low <= widest) continue;
            widest = interval.high - interval.low;
            next = CampaignTrial{i, first_free(i)};
        }
        return claim(next);
    }

    std::optional<CampaignTrial> claim(std::optional<CampaignTrial> trial) {
        MEMRIG_ASSERT(!trial || trial->cell < taken_.size(), "the trial is one of the plan's");
        if (trial) taken_[trial->cell].insert(trial->number);
        return trial;
    }

    unsigned first_free(std::size_t cell) const {
        MEMRIG_ASSERT(cell < taken_.size(), "the cell is one of the plan's");
        unsigned number = spec_.plan.cells[cell].first;
        for (const unsigned taken : taken_[cell]) {
            if (taken != number) break;
            number++;
        }
        return number;
    }

    Status room() const { return check_room({spec_.directory, scratch_->path()}, spec_.least_room); }

    Status start(const CampaignTrial& trial) {
        MEMRIG_CHECK(room());
        MEMRIG_TRY(const std::size_t host, hosts_.take());
        MEMRIG_TRY(const unsigned attempt, store_.begin(trial, hosts_.name(host)));
        const PlanCell& cell = cell_of(trial);
        const fs::path directory =
            fs::path("trials") / fmt::format("{:04}", trial.cell) / fmt::format("{:04}-{}", trial.number, attempt);
        // Removes the rest of an earlier attempt with this number, which was never stored because the disk was full.
        std::error_code code;
        fs::remove_all(spec_.directory / directory, code);
        MEMRIG_CHECK(make_directories(spec_.directory / directory.parent_path()));
        SpawnOptions options;
        options.argv = spec_.worker;
        for (const std::string& word :
             {cell.scenario, std::string("--kernel"), cell.kernel, std::string("--arm"), cell.arm,
              std::string("--trials"), std::string("1"), std::string("--skip-other-machines"), std::string("--seed"),
              fmt::format("{}", spec_.plan.seed_of(cell, trial.number)), std::string("--accel"), spec_.accelerator,
              std::string("--backend"), hosts_.name(host), std::string("--out"),
              (spec_.directory / directory).string()})
            options.argv.push_back(word);
        if (!cell.modules.empty()) options.argv.insert(options.argv.end(), {"--modules", cell.modules.string()});
        if (!cell.bench.empty()) options.argv.insert(options.argv.end(), {"--bench", cell.bench});
        options.output = log_of(directory);
        options.environment = {"TMPDIR=" + scratch_->path().string()};
        MEMRIG_TRY(Process process, Process::spawn(options));
        logger(LogLayer::campaign)
            .info("worker {} begins trial {} of {}, attempt {}, on {}", process.pid(), trial.number, cell.key(),
                  attempt, hosts_.name(host));
        running_.push_back({trial, attempt, host, directory, std::move(process)});
        return {};
    }

    fs::path log_of(const fs::path& directory) const { return spec_.directory / (directory.string() + ".log"); }

    Status wait() {
        std::vector<pollfd> waits = {{stop_request().descriptor(), POLLIN, 0}};
        for (const auto& attempt : running_) waits.push_back({attempt.process.descriptor(), POLLIN, 0});
        if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR)
            return fail_errno(Fault::host, "wait for workers");
        if (stop_request().requested()) return std::unexpected(stop_request().error());
        return {};
    }

    // Returns true if the attempt failed because its host is gone; then the trial is queued to run again.
    Result<bool> failed_for_host(const Attempt& attempt) {
        const auto loss = hosts_.look_after(attempt.host);
        if (!loss) return false;
        if (loss->is_news) observer_.host_lost(loss->host, loss->why);
        const std::string why = fmt::format("{} is lost: {}", loss->host, loss->why);
        MEMRIG_CHECK(store_.attempt_lost(attempt.trial, attempt.attempt, why));
        observer_.runs_again(cell_of(attempt.trial), attempt.trial, why);
        again_.push_back(attempt.trial);
        return true;
    }

    // Begins no more trials of the attempt's cell, as the worker has found that it cannot play any.
    Status leave_out(const Attempt& attempt, const WorkerReport& report) {
        const PlanCell& cell = cell_of(attempt.trial);
        left_out_[attempt.trial.cell] = true;
        if (!report.skipped.empty()) {
            MEMRIG_CHECK(store_.attempt_failed(attempt.trial, attempt.attempt, "skipped"));
            MEMRIG_CHECK(store_.skip(attempt.trial.cell, report.skipped));
            observer_.cell_skipped(cell, report.skipped);
            return {};
        }
        MEMRIG_CHECK(store_.set_aside(attempt.trial, attempt.attempt, report.not_set_up));
        observer_.cell_not_set_up(cell, report.not_set_up);
        return {};
    }

    Status take(const Attempt& attempt, const ExitStatus& ended) {
        hosts_.give_back(attempt.host);
        const PlanCell& cell = cell_of(attempt.trial);
        logger(LogLayer::campaign)
            .info("worker {} of trial {} of {} ends: {}", attempt.process.pid(), attempt.trial.number, cell.key(),
                  ended.text());
        if (ended.end == ProcessEnd::exited && ended.code == kExitBadUsage)
            return fail(Fault::user_input, "{}: {}", cell.key(), last_line_of(log_of(attempt.directory)));
        auto report = read_worker_report(spec_.directory / attempt.directory);
        if (report && !report->skipped.empty()) return leave_out(attempt, *report);
        // An unexpected or unproven result may come from the loss of the host.
        const bool good =
            report && report->result.as_expected && report->result.verdict != to_string(Verdict::inconclusive);
        if (!good) {
            MEMRIG_TRY(const bool hosts_fault, failed_for_host(attempt));
            if (hosts_fault) return {};
        }
        if (report && !report->not_set_up.empty()) return leave_out(attempt, *report);
        std::string why;
        if (!report) why = fmt::format("the worker ended by {} and left no result", ended.text());
        else if (report->result.verdict == to_string(Verdict::rig_fault)) why = "rig fault: " + report->result.reason;
        if (!why.empty()) {
            MEMRIG_CHECK(room());  // a full disk may be the reason; then the attempt counts for nothing
            MEMRIG_CHECK(store_.attempt_failed(attempt.trial, attempt.attempt, why));
            MEMRIG_TRY(const unsigned failures, store_.failures(attempt.trial));
            if (failures < kMostFailures) {
                observer_.runs_again(cell, attempt.trial, why);
                again_.push_back(attempt.trial);
                return {};
            }
            if (!report) report = WorkerReport{};
            report->result.verdict = to_string(Verdict::rig_fault);
            report->result.as_expected = false;
            report->result.reason = fmt::format("{} times: {}", failures, why);
        }
        CampaignResult& result = report->result;
        result.trial = attempt.trial;
        result.directory = attempt.directory / result.directory;
        MEMRIG_CHECK(store_.finish(result, attempt.attempt));
        good_[attempt.trial.cell] += result.as_expected;
        finished_[attempt.trial.cell]++;
        observer_.trial_done(cell, result, ++done_);
        return {};
    }

    const CampaignSpec& spec_;
    CampaignStore store_;
    CampaignObserver& observer_;
    HostPool hosts_;
    std::optional<Deadline> give_up_;
    std::optional<TemporaryDirectory> scratch_;
    std::vector<std::set<unsigned>> taken_;  // by cell: the numbers of trials that have a result or are running
    std::vector<unsigned> finished_, good_;  // by cell: trials that have a result, and those that are as expected
    std::vector<bool> left_out_;             // by cell: skipped, or not set up
    std::vector<CampaignTrial> again_;
    std::vector<Attempt> running_;
    std::uint64_t done_ = 0;
};

}  // namespace

Status check_room(const std::vector<fs::path>& directories, std::uint64_t least) {
    for (const fs::path& path : directories) {
        MEMRIG_TRY(const std::uint64_t room, free_space(path));
        if (room < least)
            return fail_with({Fault::host,
                              fmt::format("no room is left in {}: {} MiB are free, but trials need {} MiB",
                                          path.string(), room >> 20, least >> 20),
                              {}},
                             "make room, then run the same command again to resume");
    }
    return {};
}

Status run_campaign_plan(const CampaignSpec& spec, CampaignObserver& observer) {
    MEMRIG_ASSERT(!spec.shard || !spec.budget, "a shard runs its own trials, and no more");
    MEMRIG_CHECK(make_directories(spec.directory));
    MEMRIG_TRY(const auto alone, FileLock::try_take_for_process(spec.directory / "lock"));
    if (!alone)
        return fail_with({Fault::host, spec.directory.string() + " is being worked on by another memrig", {}},
                         "see its progress with memrig campaign status");
    MEMRIG_TRY(const auto finished, reopen_shard(spec.directory, spec.shard));
    if (finished) {
        observer.begun(spec.plan.trials(), *finished);
        return {};
    }
    {
        MEMRIG_TRY(CampaignStore store, CampaignStore::open(spec.directory, spec.plan, spec.shard));
        MEMRIG_CHECK(Coordinator(spec, std::move(store), observer).run());
    }
    return spec.shard ? seal_shard(spec.directory) : Status();
}

}  // namespace memrig
