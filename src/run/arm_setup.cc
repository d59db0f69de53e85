#include "run/arm_setup.h"

#include <algorithm>

#include "base/assert.h"
#include "base/file.h"
#include "base/hash.h"
#include "kernel/catalogue.h"
#include "kernel/config.h"
#include "machine/guest_feature.h"
#include "run/guest_needs.h"
#include "watch/roles.h"

namespace memrig {

namespace {

// Returns the reason why the scenario is not for the kernel of this guest; empty if it is.
std::string not_meant_for(const Scenario& scenario, const PreparedGuest& guest) {
    const auto has = [&](const std::string& name) {
        return names_guest_feature(name) ? guest.features.contains(name) : player_of(name, guest.symbols).has_value();
    };
    if (const auto lacked = std::ranges::find_if_not(scenario.needs, has); lacked != scenario.needs.end()) {
        if (const GuestFeature* feature = find_guest_feature(*lacked))
            return fmt::format("this kernel has not {}: there is no {} ({})", feature->name, feature->path,
                               feature->option);
        return find_role(*lacked) == nullptr
                   ? fmt::format("this kernel has no {}", *lacked)
                   : fmt::format("this kernel has no {}: {}", *lacked, why_not_played(*lacked));
    }
    const auto surplus = std::ranges::find_if(scenario.lacks, has);
    if (surplus == scenario.lacks.end()) return "";
    const GuestFeature* feature = find_guest_feature(*surplus);
    return fmt::format("this kernel has {}", feature != nullptr ? feature->name : *surplus);
}

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

// The reason why no guest of the bench boots this kernel; "" if its configuration tells of none, or is not known. A
// kernel without that option starts under Xen, but gets no interrupt of a device.
std::string why_never_booted(const Bench& bench, const KernelImage& kernel) {
    const bool cannot = bench.hypervisor && bench.arch == kernel.arch && has_option(kernel, "CONFIG_XEN_DOM0") == false;
    return cannot ? "this kernel cannot be Xen's dom0 (CONFIG_XEN_DOM0)" : "";
}

bool is_of_all_arms(const Error& error) {
    return error.fault == Fault::user_input || error.fault == Fault::interrupted;
}

}  // namespace

ArmSetup::ArmSetup(const RunSpec& spec, Fleet& fleet, RunResults& results)
    : spec_(spec), fleet_(fleet), results_(results) {}

std::vector<std::string> ArmSetup::settings_of(const Scenario& scenario) const {
    std::vector<std::string> settings;
    if (spec_.manner.mode == Mode::explore) settings = scenario.explore_settings;
    settings.insert(settings.end(), spec_.manner.settings.begin(), spec_.manner.settings.end());
    return settings;
}

Status ArmSetup::load_scenarios() {
    for (const auto& name : spec_.scenarios) {
        MEMRIG_TRY(Scenario scenario, load_scenario(name));
        for (const auto& setting : settings_of(scenario)) MEMRIG_CHECK(apply_setting(scenario, setting));
        scenarios_.push_back(std::move(scenario));
    }
    return {};
}

Result<Fleet::Guests*> ArmSetup::prepare(const Bench& bench, const KernelImage& kernel) {
    MEMRIG_TRY(const auto prepared, fleet_.prepare(bench, kernel));
    const PreparedGuest& guest = Fleet::any_of(*prepared.guests);
    results_.qemu_version = guest.qemu_version;
    results_.accelerator = to_string(guest.order.accelerator);
    if (prepared.is_new)
        results_.kernels.push_back({kernel.id, guest.hello.release, kernel.sha256, guest.boot_seconds});
    return prepared.guests;
}

// The first bench of the scenario that the kernel can run on; if there is none, the first bench.
Result<Bench> ArmSetup::bench_for(const Scenario& scenario, const KernelImage& kernel) const {
    if (!spec_.bench.empty()) return load_bench(spec_.bench);
    for (const auto& name : scenario.benches) {
        MEMRIG_TRY(Bench bench, load_bench(name));
        if (bench.arch == kernel.arch) return bench;
    }
    MEMRIG_ASSERT(!scenario.benches.empty(), "a scenario names a bench");
    return load_bench(scenario.benches.front());
}

// A bench by path is for any scenario.
bool ArmSetup::is_for_bench(const Scenario& scenario) const {
    return spec_.bench.empty() || spec_.bench.find('/') != std::string::npos ||
           std::ranges::find(scenario.benches, spec_.bench) != scenario.benches.end();
}

Result<std::vector<const ScenarioArm*>> ArmSetup::arms_of(const Scenario& scenario) const {
    std::vector<const ScenarioArm*> arms;
    for (const auto& arm : scenario.arms)
        if (spec_.arm == "all" || spec_.arm == arm.name) arms.push_back(&arm);
    if (arms.empty()) return fail(Fault::user_input, "scenario {} has no arm \"{}\"", scenario.name, spec_.arm);
    return arms;
}

ArmResult ArmSetup::result_of(const Scenario& scenario, const ScenarioArm& arm, const std::string& kernel,
                              const std::string& bench) const {
    ArmResult result;
    result.scenario = scenario.name;
    result.kernel = kernel;
    result.bench = bench;
    result.arm = arm.name;
    result.purpose = arm.purpose;
    result.expected = arm.expected;
    result.mode = spec_.manner.mode;
    result.trials_asked = spec_.trials != 0 ? spec_.trials : scenario.trials;
    return result;
}

void ArmSetup::skip(ArmResult result, std::string why) {
    result.skipped = std::move(why);
    result.trials_asked = 0;
    results_.arms.push_back(std::move(result));
}

// Reports the arm as not set up. Fails if the error is not of this arm alone.
Status ArmSetup::set_aside(ArmResult result, const Error& error) {
    if (is_of_all_arms(error)) return std::unexpected(error);
    result.not_set_up = error;
    results_.arms.push_back(std::move(result));
    return {};
}

Status ArmSetup::plan_arm(const Scenario& scenario, const ScenarioArm& arm, ArmResult result, Fleet::Guests* guests) {
    const fs::path directory = directory_name(scenario.name) / directory_name(result.kernel) / arm.name;
    Scenario& played = changed_.emplace_back(scenario);
    std::vector<std::string> settings = settings_of(scenario);
    for (const auto& setting : arm.settings) MEMRIG_CHECK(apply_setting(played, setting));
    settings.insert(settings.end(), arm.settings.begin(), arm.settings.end());
    if (const Status cast = cast_roles(played, Fleet::any_of(*guests).symbols); !cast)
        return set_aside(std::move(result), cast.error());
    const auto played_arm = std::ranges::find(played.arms, arm.name, &ScenarioArm::name);
    planned_.push_back({{results_.arms.size()}, &played, &*played_arm, guests, directory, {}, std::move(settings)});
    results_.arms.push_back(std::move(result));
    return {};
}

Status ArmSetup::plan_scenario(const Scenario& written, const KernelImage& kernel) {
    MEMRIG_TRY(Bench bench, bench_for(written, kernel));
    // A single scenario that is not for this architecture is the user's mistake. prepare() reports it.
    const bool of_another =
        bench.arch != kernel.arch && spec_.bench.empty() && (spec_.skip_other_machines || scenarios_.size() > 1);
    if (!of_another) MEMRIG_CHECK(use_emulator(bench, spec_.emulator));
    const Scenario& scenario = changed_.emplace_back(fitted_to(bench, written));
    if (!is_for_bench(scenario))
        return fail(Fault::user_input, "scenario {} is not for bench {}", scenario.name, spec_.bench);
    MEMRIG_TRY(const auto arms, arms_of(scenario));
    std::string unplayed = why_never_booted(bench, kernel);
    if (of_another) unplayed = fmt::format("it has no bench for {}", kernel.arch);
    for (const ScenarioArm* arm : arms) {
        ArmResult result = result_of(scenario, *arm, kernel.id, bench.name);
        if (!unplayed.empty()) {
            skip(std::move(result), unplayed);
            continue;
        }
        const auto guests = prepare(bench, kernel);
        if (!guests) {
            MEMRIG_CHECK(set_aside(std::move(result), guests.error()));
            continue;
        }
        const PreparedGuest& guest = Fleet::any_of(**guests);
        if (const std::string reason = not_meant_for(scenario, guest); !reason.empty()) skip(std::move(result), reason);
        else if (const Status fit = check_fit(guest); !fit) MEMRIG_CHECK(set_aside(std::move(result), fit.error()));
        else if (const Status able = check_needs(scenario.schedule, guest); !able)
            MEMRIG_CHECK(set_aside(std::move(result), able.error()));
        else MEMRIG_CHECK(plan_arm(scenario, *arm, std::move(result), *guests));
    }
    return {};
}

// The bench of a kernel that is not there is not known, as it depends on the kernel's architecture.
Status ArmSetup::plan_without_kernel(const Scenario& scenario, const std::string& kernel, const Error& error) {
    MEMRIG_TRY(const auto arms, arms_of(scenario));
    for (const ScenarioArm* arm : arms)
        MEMRIG_CHECK(set_aside(result_of(scenario, *arm, kernel, spec_.bench.empty() ? "-" : spec_.bench), error));
    return {};
}

// The boots of different guests do not depend on each other. Whatever is wrong is left to plan_scenario(), which tells
// of it in the order of the scenarios.
void ArmSetup::prepare_guests(const std::vector<Result<KernelImage>>& kernels) {
    if (!std::ranges::all_of(scenarios_, [&](const auto& one) { return is_for_bench(one); })) return;
    std::vector<Fleet::Wanted> wanted;
    for (const auto& kernel : kernels)
        for (const auto& scenario : scenarios_) {
            auto bench = kernel ? bench_for(scenario, *kernel) : std::unexpected(kernel.error());
            if (!bench || bench->arch != kernel->arch || !use_emulator(*bench, spec_.emulator)) continue;
            if (!why_never_booted(*bench, *kernel).empty()) continue;
            wanted.push_back({*std::move(bench), *kernel});
        }
    fleet_.prepare_ahead(std::move(wanted), spec_.jobs);
}

Status ArmSetup::plan() {
    MEMRIG_CHECK(check_modules(spec_.kernels, spec_.modules));
    // No guest boots for an order with a mistake.
    for (const auto& scenario : scenarios_) MEMRIG_CHECK(arms_of(scenario));
    std::vector<Result<KernelImage>> kernels;
    for (const auto& id : spec_.kernels) kernels.push_back(resolve_kernel(id, spec_.modules));
    prepare_guests(kernels);
    auto kernel = kernels.begin();
    for (const auto& id : spec_.kernels) {
        for (const auto& scenario : scenarios_)
            MEMRIG_CHECK(*kernel ? plan_scenario(scenario, **kernel)
                                 : plan_without_kernel(scenario, id, kernel->error()));
        kernel++;
    }
    name_kernels(results_);
    if (!planned_.empty()) return {};
    for (const auto& arm : results_.arms)
        if (arm.not_set_up && arm.not_set_up->fault != Fault::guest) return std::unexpected(*arm.not_set_up);
    return {};
}

}  // namespace memrig
