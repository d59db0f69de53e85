#include "run/sweep_recorder.h"

#include <cstdlib>

#include "base/assert.h"
#include "base/file.h"
#include "base/text.h"
#include "run/evidence.h"
#include "run/failable.h"

namespace memrig {

namespace {

// A recording that comes to no verdict in an eighth of the functions has another reason than time.
constexpr unsigned kHalvings = 3;

// A recording is no trial of the sweep.
class QuietRecording final : public RunObserver {
public:
    // `trials`: how many there are to count, if it is more than one.
    QuietRecording(RunObserver& observer, std::size_t trials) : observer_(observer), trials_(trials) {}
    void busy_with(const std::string& what) override {
        if (!what.empty()) observer_.busy_with(what);
    }
    void planned(unsigned) override {}
    void trial_done(const ArmResult&, const TrialResult&) override {
        if (trials_ > 1)
            observer_.busy_with(fmt::format("recording what comes of each failure: {} of {}", ++done_, trials_));
    }
    void host_lost(const std::string& host, const std::string& why) override { observer_.host_lost(host, why); }

private:
    RunObserver& observer_;
    std::size_t trials_, done_ = 0;
};

}  // namespace

RunSpec sweep_run(const SweepSpec& spec, std::vector<std::string> scenarios, const char* arm, const fs::path& out) {
    RunSpec run = spec.run;
    run.scenarios = std::move(scenarios);
    run.arm = arm;
    run.trials = 1;
    run.seed = spec.run.seed.value_or(0);  // each thread writes to the same attribute in all cases
    run.out = out;
    return run;
}

std::vector<std::string> recorded_allocators(const SweepSpec& spec) {
    return spec.functions.empty() ? allocators() : spec.functions;
}

std::size_t case_number(const ArmResult& arm) {
    return std::strtoul(fs::path(arm.scenario).stem().c_str(), nullptr, 10);
}

void note_images(const RunResults& results, Sweep& sweep) {
    for (const auto& kernel : results.kernels) sweep.images[kernel.id] = kernel.sha256;
}

Result<Recording> SweepRecorder::record(const std::vector<std::string>& functions, bool callers) {
    return record(functions, callers, kHalvings);
}

// A recording that takes too long is made in two halves.
Result<Recording> SweepRecorder::record(const std::vector<std::string>& functions, bool callers, unsigned halvings) {
    auto recording = record_at_once(functions, callers);
    if (recording || recording.error().fault != Fault::guest || functions.size() < 2 || halvings == 0) return recording;
    const auto middle = functions.begin() + static_cast<std::ptrdiff_t>(functions.size() / 2);
    MEMRIG_TRY(Recording first, record({functions.begin(), middle}, callers, halvings - 1));
    MEMRIG_TRY(Recording second, record({middle, functions.end()}, callers, halvings - 1));
    second.calls.insert(second.calls.begin(), first.calls.begin(), first.calls.end());
    return second;
}

Result<Recording> SweepRecorder::record_at_once(const std::vector<std::string>& functions, bool callers) {
    const fs::path file = spec_.run.out / "recording.toml";
    const fs::path out = spec_.run.out / (callers ? "recording-2" : "recording");
    std::error_code code;
    fs::remove_all(out, code);  // of an interrupted sweep
    RunSpec spec = sweep_run(spec_, {file.string()}, "control", out);
    spec.jobs = 1;
    spec.manner.recorded = functions;
    spec.manner.prototypes = !callers && !spec_.allocators_only;
    observer_.busy_with(callers ? "recording the calls of functions that may fail"
                                : "recording the calls of allocators");
    QuietRecording quiet(observer_, 1);
    MEMRIG_TRY(const RunResults results, run_scenarios(spec, hosts_, quiet));
    observer_.busy_with("");
    if (results.interrupted) return fail(Fault::interrupted, "interrupted");
    note_images(results, sweep_);
    MEMRIG_ASSERT(!results.arms.empty(), "a run of one arm has a result");
    const ArmResult& arm = results.arms.front();
    if (!arm.skipped.empty())
        return fail(Fault::user_input, "{} is not for {}: {}", arm.scenario, arm.kernel, arm.skipped);
    if (arm.not_set_up) return std::unexpected(*arm.not_set_up);
    if (arm.trials.empty()) return fail(Fault::rig, "the recording came to no result: {}", results.fault);
    const TrialResult& trial = arm.trials.front();
    const fs::path directory = out / trial.directory;
    if (trial.verdict != Verdict::held)
        return fail_with(
            {convicts(trial.verdict) ? Fault::user_input : Fault::guest,
             fmt::format("without any failure, the verdict is {}: {}", to_string(trial.verdict), trial.reason),
             {}},
            fmt::format("see {}", directory.string()));
    sweep_.kernel = arm.kernel;
    sweep_.bench = arm.bench;
    if (!results.kernels.empty()) sweep_.release = results.kernels.front().release;
    MEMRIG_TRY(auto calls, read_recorded_calls(directory));
    return Recording{std::move(calls), directory};
}

Result<std::map<std::size_t, std::vector<RecordedCalls>>> SweepRecorder::record_failing(
    const std::vector<fs::path>& cases) {
    const fs::path out = spec_.run.out / "recording-failures";
    std::error_code code;
    fs::remove_all(out, code);  // of an interrupted sweep
    std::vector<std::string> files;
    for (const auto& file : cases) files.push_back(file.string());
    RunSpec spec = sweep_run(spec_, std::move(files), "fault", out);
    spec.manner.recorded = recorded_allocators(spec_);
    QuietRecording quiet(observer_, cases.size());
    MEMRIG_TRY(const RunResults results, run_scenarios(spec, hosts_, quiet));
    observer_.busy_with("");
    if (results.interrupted) return fail(Fault::interrupted, "interrupted");
    if (!results.fault.empty()) return fail(Fault::rig, "{}", results.fault);
    std::map<std::size_t, std::vector<RecordedCalls>> recorded;
    for (const auto& arm : results.arms) {
        if (arm.trials.empty() || arm.trials.front().verdict != Verdict::held) continue;
        MEMRIG_TRY(recorded[case_number(arm)], read_recorded_calls(out / arm.trials.front().directory));
    }
    return recorded;
}

}  // namespace memrig
