#include "cli/kernel_checks.h"

#include "kernel/catalogue.h"
#include "machine/accelerator.h"
#include "machine/guest_store.h"
#include "run/arming.h"
#include "watch/roles.h"
#include "watch/rules.h"

namespace memrig {

namespace {

using State = WatcherReport::State;

Readiness readiness_of(State state) {
    switch (state) {
        case State::armed: return Readiness::ok;
        case State::unarmed: return Readiness::missing;
        case State::not_exercised: break;
    }
    return Readiness::note;
}

HostCheck check_of(const Obligation& obligation, const SymbolTable& symbols, const Armament& armament) {
    HostCheck check{obligation.text(), Readiness::ok, "judged", {}};
    const auto function = obligation.function.empty() ? obligation.rule : obligation.function;
    if (const auto why = why_unarmed(armament, obligation.rule); !why.empty())
        return {obligation.text(), Readiness::missing, "not judged: " + why, {}};
    if (obligation.function.empty()) return check;
    const auto player = player_of(function, symbols);
    if (!player) return {obligation.text(), Readiness::note, "not judged: " + why_not_played(function), {}};
    if (*player != function) check.detail = fmt::format("judged at {}()", *player);
    return check;
}

Result<Bench> bench_for(const std::string& name, const KernelImage& kernel) {
    if (!name.empty()) return load_bench(name);
    for (const auto& one : {"q35", "pseries", "virt"}) {
        MEMRIG_TRY(Bench bench, load_bench(one));
        if (bench.arch == kernel.arch) return bench;
    }
    return fail_with({Fault::user_input, fmt::format("there is no bench for {}", kernel.arch), {}},
                     "see `memrig benches list`");
}

}  // namespace

Result<KernelChecks> check_kernel(const std::string& kernel, const std::filesystem::path& modules,
                                  const std::string& bench, Host& host,
                                  const std::function<void(const std::string&)>& progress) {
    MEMRIG_TRY(const KernelImage image, resolve_kernel(kernel, modules));
    MEMRIG_TRY(const Bench on, bench_for(bench, image));
    MEMRIG_TRY(const Accelerator accelerator, choose_accelerator("auto", host, on, image));
    MEMRIG_TRY(const auto guest, GuestStore(host, progress).prepare(on, image, accelerator));
    MEMRIG_CHECK(check_fit(*guest));
    progress(fmt::format("arming {} on {}", image.id, on.name));
    MEMRIG_TRY(const ArmedGuest armed, armed_guest(host, guest));
    const Armament& armament = armed.armament;
    KernelChecks made{guest->hello.release, on.name, {}};
    for (const Watcher watcher : all_watchers()) {
        const WatcherReport& report = armament.of(watcher);
        made.checks.push_back({to_string(watcher),
                               readiness_of(report.state),
                               fmt::format("{}: {}", to_string(report.state),
                                           report.why.empty() ? "no memory block is online" : report.why),
                               {}});
    }
    for (const Obligation& obligation : watched_checks())
        made.checks.push_back(check_of(obligation, guest->symbols, armament));
    for (const Role& role : all_roles()) {
        const auto player = player_of(role.name, guest->symbols);
        made.checks.push_back({std::string(role.name),
                               player ? Readiness::ok : Readiness::note,
                               player ? fmt::format("{}() {}", *player, role.purpose) : why_not_played(role.name),
                               {}});
    }
    return made;
}

}  // namespace memrig
