#include "run/replay.h"

#include <algorithm>

#include "base/file.h"
#include "base/stop_request.h"
#include "kernel/catalogue.h"
#include "machine/accelerator.h"
#include "machine/guest_store.h"
#include "run/guest_needs.h"
#include "run/trial_json.h"

namespace memrig {

namespace {

// The recorded scenario, with the recorded settings.
Result<Scenario> scenario_of(const TrialRecipe& recipe) {
    TomlDocument document = TomlDocument::parse(recipe.scenario_text, "the recorded scenario " + recipe.scenario);
    Scenario scenario = parse_scenario(document, recipe.scenario);
    MEMRIG_CHECK(document.status());
    scenario.text = recipe.scenario_text;
    for (const auto& setting : recipe.manner.settings) MEMRIG_CHECK(apply_setting(scenario, setting));
    for (const auto& actor : scenario.schedule.actors) {
        const auto chosen = recipe.attributes.find(actor.name);
        const bool known = chosen != recipe.attributes.end() &&
                           std::ranges::find(actor.attributes, chosen->second) != actor.attributes.end();
        if (actor.kind == ActorKind::onliner && !known)
            return fail(Fault::user_input, "the recorded trial does not say which attribute {} writes", actor.name);
    }
    return scenario;
}

}  // namespace

bool Replay::same_verdict() const {
    return !arm.trials.empty() && arm.trials.size() == arm.trials_asked &&
           std::ranges::all_of(arm.trials, [&](const TrialResult& trial) { return trial.verdict == recorded.verdict; });
}

Result<Replay> replay_trial(const ReplaySpec& spec, Host& host, RunObserver& observer) {
    MEMRIG_TRY(const TrialRecipe recipe, read_recipe(spec.trial));
    Replay replay;
    MEMRIG_TRY(replay.recorded, read_verdict(spec.trial));
    MEMRIG_TRY(Bench bench, load_bench(recipe.bench));
    MEMRIG_TRY(Scenario written, scenario_of(recipe));
    Scenario scenario = fitted_to(bench, std::move(written));
    const auto arm = std::ranges::find(scenario.arms, recipe.arm, &ScenarioArm::name);
    if (arm == scenario.arms.end())
        return fail(Fault::user_input, "the recorded scenario has no arm \"{}\"", recipe.arm);
    MEMRIG_CHECK(use_emulator(bench, spec.emulator.empty() ? recipe.emulator : spec.emulator));
    MEMRIG_TRY(const KernelImage kernel, spec.kernel.empty() ? resolve_kernel(recipe.kernel, recipe.modules)
                                                             : resolve_kernel(spec.kernel, spec.modules));
    if (kernel.sha256 != recipe.kernel_sha256)
        replay.warnings.push_back(fmt::format("the kernel differs from the recorded one ({}, sha256 {})",
                                              recipe.kernel_release, recipe.kernel_sha256.substr(0, 12)));
    MEMRIG_TRY(const Accelerator accelerator, choose_accelerator(recipe.accelerator, host, bench, kernel));
    GuestStore store(host, [&](const std::string& what) { observer.busy_with(what); });
    MEMRIG_TRY(const auto guest, store.prepare(bench, kernel, accelerator));
    MEMRIG_CHECK(check_fit(*guest));
    MEMRIG_CHECK(check_needs(scenario.schedule, *guest));
    MEMRIG_CHECK(cast_roles(scenario, guest->symbols));
    observer.busy_with("");
    if (guest->qemu_version != recipe.qemu_version)
        replay.warnings.push_back(fmt::format("QEMU differs from the recorded one ({})", recipe.qemu_version));

    replay.guest = guest;
    replay.recorded_mode = to_string(recipe.manner.mode);
    replay.arm.scenario = scenario.name;
    replay.arm.kernel = kernel.id;
    replay.arm.bench = bench.name;
    replay.arm.arm = arm->name;
    replay.arm.mode = recipe.manner.mode;
    replay.arm.purpose = arm->purpose;
    replay.arm.expected = {replay.recorded.verdict};
    replay.arm.trials_asked = spec.times;
    observer.planned(spec.times);
    for (unsigned number = 1; number <= spec.times; number++) {
        const std::string directory = fmt::format("{:04}", number);
        const TrialSpec trial{guest,
                              scenario,
                              *arm,
                              number,
                              recipe.seed,
                              recipe.attributes,
                              spec.out / directory,
                              recipe.manner,
                              recipe.order,
                              spec.keep_machine};
        auto outcome = run_trial(host, trial);
        if (!outcome && outcome.error().fault == Fault::interrupted) {
            replay.interrupted = true;
            break;
        }
        if (!outcome) return std::unexpected(outcome.error());
        replay.machine = std::move(outcome->machine);
        TrialResult& result = outcome->result;
        result.directory = directory;
        result.as_expected = result.verdict == replay.recorded.verdict;
        replay.arm.trials.push_back(std::move(result));
        observer.trial_done(replay.arm, replay.arm.trials.back());
    }
    return replay;
}

}  // namespace memrig
