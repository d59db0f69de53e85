#include "run/arming.h"

#include <algorithm>

#include <unistd.h>

#include "base/file.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/text.h"
#include "hotplug/snapshot_json.h"
#include "machine/guest_cache.h"
#include "oracle/obligations.h"
#include "play/snapshot.h"
#include "play/while_running.h"
#include "probe/function_watch.h"
#include "probe/kernel_objects.h"
#include "run/evidence.h"
#include "run/figures_arming.h"
#include "watch/layout_probe.h"
#include "watch/lock_ledger.h"
#include "watch/lock_witness.h"
#include "watch/notifiers.h"
#include "watch/roles.h"

namespace memrig {
namespace {

using namespace std::chrono_literals;
using State = WatcherReport::State;
constexpr auto kWritePatience = 2min;
constexpr auto kClockPatience = 1min;
// The blocks that are tried, from the last one down, until one goes offline: it may hold memory that cannot move.
constexpr unsigned kMostBlocks = 4;

// One guest while it is armed.
class Arming {
public:
    Arming(Machine& machine, const PreparedGuest& guest) : machine_(machine), guest_(guest) {}
    Result<ArmedGuest> arm();

private:
    // Writes the text to the block's attribute `online`, with the probe at work. Returns the kernel's refusal, or "".
    Result<std::string> write_online(Conductor& conductor, std::uint64_t block, const char* text);
    // False if the guest's timers or RCU stand still. Then nothing else can be asked of it.
    Result<bool> time_passes(Conductor& conductor);
    // Notes the tasks that enter the store function, and those that are inside.
    Status watch_store(Conductor& conductor);
    // Notes whether a task tries to take a mutex inside the store function, as lock_device_hotplug_sysfs() does.
    Status watch_tries(Conductor& conductor);
    Status learn_layout(std::uint64_t block);
    Status compare_witnesses(std::uint64_t block);
    // Notes the device of each memory block, which the kernel uses when the block's state is read.
    Status learn_devices();
    Status take_a_block_out(const MemorySnapshot& before);
    void judge_stacks(const LayoutProbe& layout, std::uint64_t guessed);
    void judge_mutexes(const LockLedger& ledger, const LockWitness& witness);
    void judge_rwsems(const LockLedger& ledger, unsigned tried, bool began);
    void judge_notices(const NotifierWatch& notices, bool went_offline);
    void report(Watcher watcher, State state, std::string why) { armament_.reports[watcher] = {state, std::move(why)}; }
    [[nodiscard]] MutexWatching watching() const {
        const bool writes = machine_.accelerator() == Accelerator::tcg && probe_->architecture().watched_writes_pass;
        return writes && armament_.owner_offset ? MutexWatching::writes : MutexWatching::calls;
    }

    Machine& machine_;
    const PreparedGuest& guest_;
    Probe* probe_ = nullptr;
    Armament armament_;
    std::string store_;                         // the function that plays {store-online}
    std::set<std::uint64_t> storers_, inside_;  // the tasks that entered it, and those that have not returned
    bool tried_ = false;                        // a task tried to take a mutex inside
};

Result<std::string> Arming::write_online(Conductor& conductor, std::uint64_t block, const char* text) {
    const std::string file = fmt::format("/sys/devices/system/memory/memory{}/online", block);
    const Status written = while_running(
        conductor, [&] { return machine_.agent().write_guest_file(file, text, Deadline::after(kWritePatience)); });
    MEMRIG_CHECK(conductor.pause());
    if (written) return std::string();
    if (written.error().fault != Fault::guest) return std::unexpected(written.error());
    return written.error().message;
}

Result<bool> Arming::time_passes(Conductor& conductor) {
    const auto passed =
        while_running(conductor, [&] { return machine_.agent().pass_time(Deadline::after(kClockPatience)); });
    MEMRIG_CHECK(conductor.pause());
    if (!passed && passed.error().fault != Fault::guest) return std::unexpected(passed.error());
    const bool all = passed && passed->cpus >= guest_.hello.cpus;
    if (!passed) report(Watcher::clocks, State::unarmed, "timers or RCU stand still: " + passed.error().message);
    else if (!all)
        report(Watcher::clocks, State::unarmed,
               fmt::format("a timer expired on {} of {} CPUs", passed->cpus, guest_.hello.cpus));
    else
        report(Watcher::clocks, State::armed,
               fmt::format("a timer expired on each of {} CPUs, and {}", passed->cpus,
                           passed->rcu ? "a grace period of RCU passed"
                                       : "RCU was not asked: the kernel has no global membarrier()"));
    return all;
}

Status Arming::watch_store(Conductor& conductor) {
    storers_.clear();
    if (store_.empty()) return {};
    return watch_function(conductor, guest_.symbols, store_,
                          [this, &conductor](const Arrival& arrival) -> Result<Response> {
                              storers_.insert(arrival.task);
                              inside_.insert(arrival.task);
                              MEMRIG_CHECK(conductor.on_return(arrival, [this](const Arrival& back, std::uint64_t) {
                                  inside_.erase(back.task);
                                  return Status();
                              }));
                              return Response::pass();
                          });
}

Status Arming::watch_tries(Conductor& conductor) {
    for (const char* function : locks::mutex_tries)
        if (!guest_.symbols.all(function).empty())
            MEMRIG_CHECK(watch_function(conductor, guest_.symbols, function, [this](const Arrival& arrival) {
                tried_ = tried_ || inside_.contains(arrival.task);
                return Result<Response>(Response::pass());
            }));
    return {};
}

void Arming::judge_stacks(const LayoutProbe& layout, std::uint64_t guessed) {
    const std::string gap = kernel_stack_gap(guest_.symbols, probe_->architecture());
    const std::uint64_t seen = layout.stack_bytes();
    if (seen != 0 && seen != guessed && gap.empty())
        report(Watcher::stacks, State::unarmed,
               fmt::format("the kernel's symbols tell of stacks of {} bytes, but one of {} was seen", guessed, seen));
    else if (seen != 0)
        report(Watcher::stacks, State::armed, fmt::format("the end of a stack of {} bytes was seen", seen));
    else if (gap.empty())
        report(Watcher::stacks, State::not_exercised,
               fmt::format("no end of a stack was seen; {} bytes by the symbols", guessed));
    else report(Watcher::stacks, State::unarmed, gap + ", and no end of a stack was seen");
}

Status Arming::learn_layout(std::uint64_t block) {
    const std::uint64_t guessed = kernel_stack_bytes(guest_.symbols, probe_->architecture());
    Conductor conductor(*probe_, guessed);
    MEMRIG_CHECK(conductor.pause());
    MEMRIG_TRY(const auto layout, LayoutProbe::make(conductor, guest_.symbols));
    // The block is online already, so the kernel only takes and releases the locks.
    MEMRIG_TRY(const std::string refused, write_online(conductor, block, "1"));
    MEMRIG_CHECK(layout->end());
    MEMRIG_CHECK(conductor.unwatch_all());
    armament_.stack_bytes = layout->stack_bytes() != 0 ? layout->stack_bytes() : guessed;
    armament_.owner_offset = layout->owner_offset();
    judge_stacks(*layout, guessed);
    return {};
}

void Arming::judge_mutexes(const LockLedger& ledger, const LockWitness& witness) {
    std::size_t compared = 0;
    const auto& events = ledger.events();
    const std::string differs = witness.disagreement(events, compared);
    const auto takes = std::ranges::find_if(events, [&](const LockEvent& event) {
        return event.action == LockAction::takes && event.lock == locks::device_hotplug &&
               storers_.contains(event.task);
    });
    // A kernel whose store function takes no lock is not a rig that does not see it. But a store function that tries to
    // take a mutex tries device_hotplug_lock, and it got it, as the write was done.
    const bool missed = takes == events.end() && tried_;
    if (!differs.empty()) report(Watcher::mutexes, State::unarmed, differs);
    else if (missed)
        report(Watcher::mutexes, State::unarmed,
               fmt::format("the ledger did not see that a task of {}() took {}", store_, locks::device_hotplug));
    else if (compared == 0) report(Watcher::mutexes, State::not_exercised, "no mutex of memory hotplug was taken");
    else
        report(Watcher::mutexes, State::armed,
               fmt::format("{} takes and releases, as by their calls; {}{}", compared,
                           watching() == MutexWatching::writes
                               ? fmt::format("the owner lies at byte {}", *armament_.owner_offset)
                               : "watched by calls",
                           takes == events.end() ? "; the store function took no device_hotplug_lock" : ""));
    if (takes == events.end() || takes->path.empty()) return;
    const bool by_store = std::ranges::any_of(takes->path, [&](const std::string& place) {
        return place.starts_with(store_ + "+") || place.starts_with(store_ + ".");
    });
    report(Watcher::paths, by_store ? State::armed : State::unarmed,
           by_store ? fmt::format("{} shows in the path of its task", store_)
                    : fmt::format("{} does not show in the path of its task, which begins with {}", store_,
                                  takes->path.front()));
}

Status Arming::compare_witnesses(std::uint64_t block) {
    Conductor conductor(*probe_, armament_.stack_bytes);
    MEMRIG_CHECK(conductor.pause());
    MEMRIG_TRY(const auto ledger, LockLedger::make(conductor, guest_.symbols, watching(), LedgerExtent::all,
                                                   armament_.owner_offset.value_or(0)));
    MEMRIG_TRY(const auto witness, LockWitness::make(conductor, guest_.symbols));
    MEMRIG_CHECK(watch_store(conductor));
    MEMRIG_CHECK(watch_tries(conductor));
    MEMRIG_TRY(const std::string refused, write_online(conductor, block, "1"));
    judge_mutexes(*ledger, *witness);
    armament_.device_lock_offset = ledger->device_lock_offset();
    return conductor.unwatch_all();
}

Status Arming::learn_devices() {
    constexpr const char* show = "state_show";  // drivers/base/memory.c, among others
    if (guest_.symbols.all(show).empty()) return {};
    Conductor conductor(*probe_, armament_.stack_bytes);
    MEMRIG_CHECK(conductor.pause());
    MEMRIG_CHECK(watch_function(conductor, guest_.symbols, show, [&](const Arrival& arrival) -> Result<Response> {
        const std::uint64_t device = arrival.registers.argument(0);
        MEMRIG_TRY(const auto block, memory_block_of(*probe_, arrival.vcpu, device));
        if (block) armament_.devices[device] = *block;
        return Response::pass();
    }));
    MEMRIG_TRY(const auto blocks,
               while_running(conductor, [&] { return machine_.agent().blocks(Deadline::after(kWritePatience)); }));
    if (armament_.devices.size() != blocks.size()) armament_.devices.clear();
    return conductor.unwatch_all();
}

void Arming::judge_rwsems(const LockLedger& ledger, unsigned tried, bool began) {
    if (tried == 0) return report(Watcher::rwsems, State::not_exercised, "no block was online");
    const auto& events = ledger.events();
    const auto acts = [&](LockAction action, std::uint64_t task) {
        return std::ranges::count_if(events, [&](const LockEvent& event) {
            return event.action == action && event.lock == locks::mem_hotplug && event.task == task && !event.shared;
        });
    };
    std::ptrdiff_t takes = 0, releases = 0;
    for (const std::uint64_t task : storers_) {
        takes += acts(LockAction::takes, task);
        releases += acts(LockAction::releases, task);
    }
    // A kernel that changes memory without the lock is not a rig that does not see it.
    if (takes == 0 && !began && ledger.watches(locks::mem_hotplug))
        return report(Watcher::rwsems, State::not_exercised, "nobody was seen asking for mem_hotplug_lock");
    const bool armed = takes > 0 && takes == releases && ledger.contradictions().empty();
    const bool known = ledger.watches(locks::mem_hotplug);
    std::string why = fmt::format("{} was taken {} times and released {} times by those who wrote", locks::mem_hotplug,
                                  takes, releases);
    if (!known) why = fmt::format("{} cannot be known on this kernel", locks::mem_hotplug);
    else if (!ledger.contradictions().empty()) why = ledger.contradictions().front();
    report(Watcher::rwsems, armed ? State::armed : State::unarmed, why);
}

void Arming::judge_notices(const NotifierWatch& notices, bool went_offline) {
    const std::uint64_t read = notices.read_of_block();
    if (read > 0)
        report(Watcher::notices, State::armed, fmt::format("{} notices named the block that was written to", read));
    // The first plain online shows how the kernel numbers its notices. On arm64 no block of the boot goes offline
    // (prevent_bootmem_remove_notifier(), arch/arm64/mm/mmu.c), so none comes online again.
    else if (notices.seen() > 0 && went_offline)
        report(Watcher::notices, State::unarmed,
               fmt::format("{} notices came, and none named the block that was written to", notices.seen()));
    else
        report(Watcher::notices, went_offline ? State::unarmed : State::not_exercised,
               went_offline ? "a block went offline and came back without a notice"
                            : "no block went offline and came back");
}

// A plain offline and online of one block. In a machine that is thrown away, any block will do.
Status Arming::take_a_block_out(const MemorySnapshot& before) {
    Conductor conductor(*probe_, armament_.stack_bytes);
    MEMRIG_CHECK(conductor.pause());
    MEMRIG_TRY(const auto ledger, LockLedger::make(conductor, guest_.symbols, watching(), LedgerExtent::all,
                                                   armament_.owner_offset.value_or(0)));
    NotifierSpec spec{guest_.hello.block_bytes, before.figures.page_bytes, {}, {}, {}};
    for (const auto& zone : before.figures.zones) spec.present[zone.node] += zone.present;
    spec.block = [](std::uint64_t) { return std::optional<BlockFacts>(); };
    MEMRIG_TRY(const auto notices, NotifierWatch::make(conductor, *ledger, guest_.symbols, std::move(spec)));
    MEMRIG_CHECK(watch_store(conductor));
    unsigned tried = 0;
    bool went_offline = false, began = false;
    if (!guest_.symbols.all("mem_hotplug_begin").empty())
        MEMRIG_CHECK(watch_function(conductor, guest_.symbols, "mem_hotplug_begin", [&](const Arrival& arrival) {
            began = began || storers_.contains(arrival.task);
            return Result<Response>(Response::pass());
        }));
    for (auto block = before.blocks.rbegin(); block != before.blocks.rend() && tried < kMostBlocks; ++block) {
        if (block->state != "online") continue;
        tried++;
        MEMRIG_TRY(const std::string refused, write_online(conductor, block->id, "0"));
        if (!refused.empty()) continue;
        went_offline = true;
        MEMRIG_TRY(const std::string kept_out, write_online(conductor, block->id, "1"));
        break;
    }
    judge_rwsems(*ledger, tried, began);
    judge_notices(*notices, went_offline);
    return conductor.unwatch_all();
}

Result<ArmedGuest> Arming::arm() {
    MEMRIG_TRY(probe_, machine_.probe());
    store_ = player_of("{store-online}", guest_.symbols).value_or("");
    Conductor conductor(*probe_, kernel_stack_bytes(guest_.symbols, probe_->architecture()));
    MEMRIG_TRY(const MemorySnapshot before, snapshot_before(machine_, conductor, guest_.symbols));
    const auto kept = guest_.state.empty() ? std::nullopt : std::optional(before);
    armament_.stack_bytes = conductor.stack_bytes();
    MEMRIG_TRY(const bool passes, time_passes(conductor));
    const auto online = std::ranges::find(before.blocks, "online", &MemoryBlock::state);
    if (!passes || online == before.blocks.end()) return ArmedGuest{armament_, kept};
    MEMRIG_CHECK(learn_layout(online->id));
    MEMRIG_TRY(const auto figures, arm_figures(*probe_, guest_.symbols, before));
    armament_.layout = figures.layout;
    armament_.reports[Watcher::figures] = figures.report;
    MEMRIG_CHECK(compare_witnesses(online->id));
    MEMRIG_CHECK(learn_devices());
    MEMRIG_CHECK(take_a_block_out(before));
    return ArmedGuest{armament_, kept};
}

// A guest that crashed or fell silent shows nothing: all is unarmed, with its words as the reason.
Armament silent(const Error& error) {
    Armament armament;
    armament.failure = error.line();
    for (const Watcher watcher : all_watchers())
        armament.reports[watcher] = {State::unarmed, "the guest could not be armed: " + error.line()};
    return armament;
}

}  // namespace

Result<ArmedGuest> arm_guest(Host& host, const std::shared_ptr<const PreparedGuest>& guest, const fs::path& evidence) {
    MEMRIG_TRY(const LiveGuest live, begin_guest(host, guest, evidence));
    auto armed = Arming(*live.machine, *live.guest).arm();
    if (armed || armed.error().fault == Fault::interrupted) return armed;
    if (armed.error().fault == Fault::guest) return ArmedGuest{silent(armed.error())};
    // The error may be only a consequence of QEMU's end.
    return std::unexpected(live.machine->death(kExitPatience).value_or(armed.error()));
}

namespace {

constexpr unsigned kArmamentFormat = 6;  // to be increased when arming changes, or its format
constexpr std::uint64_t kMostArmamentBytes = 1 << 20;

// Another build of memrig may have other watchers, so it arms the guest anew. A watcher may not be
// armed because the host was too busy, so that counts for this process alone.
std::string maker_of(const Armament& armament) {
    std::error_code code;
    const auto written = fs::last_write_time("/proc/self/exe", code).time_since_epoch().count();
    const bool whole = armament.failure.empty() && std::ranges::none_of(all_watchers(), [&](Watcher watcher) {
                           return armament.is_unarmed(watcher);
                       });
    return fmt::format("{} {} {}{}", kArmamentFormat, MEMRIG_VERSION, code ? 0 : written,
                       whole ? "" : fmt::format(" process {}", ::getpid()));
}

std::optional<ArmedGuest> cached_guest(const fs::path& file) {
    const auto text = read_file(file, kMostArmamentBytes);
    if (!text) return std::nullopt;
    const auto json = nlohmann::json::parse(*text, nullptr, false);
    auto armament = read_armament(*text);
    if (!armament || !json.contains("made_by") || json["made_by"] != maker_of(*armament)) return std::nullopt;
    ArmedGuest armed{*std::move(armament)};
    if (!json.contains("before")) return armed;
    auto before = read_snapshot(json["before"]);
    if (!before) return std::nullopt;
    armed.before = *std::move(before);
    return armed;
}

}  // namespace

Result<ArmedGuest> armed_guest(Host& host, const std::shared_ptr<const PreparedGuest>& guest) {
    MEMRIG_TRY(const fs::path cache, cache_directory());
    const fs::path directory = guests_in(cache) / guest->key;
    MEMRIG_TRY(const FileLock lock, FileLock::take(directory.string() + ".arming.lock"));
    const fs::path file = directory / "arming.json";
    if (auto known = cached_guest(file)) return *std::move(known);
    MEMRIG_TRY(ArmedGuest armed, arm_guest(host, guest));
    for (const auto& [watcher, report] : armed.armament.reports)
        logger(LogLayer::run)
            .info("{} on {}: {}: {}: {}", guest->order.kernel.id, guest->order.bench.name, to_string(watcher),
                  to_string(report.state), one_line(report.why));
    auto json = armament_json(armed.armament);
    json["made_by"] = maker_of(armed.armament);
    if (armed.before) json["before"] = snapshot_json(*armed.before);
    // A guest that was discarded meanwhile has no folder. Then it is armed again.
    (void)write_file(file, json_document(json));
    return armed;
}

Status arm_trial(Host& host, TrialSpec& spec) {
    if (!spec.armament && spec.manner.mode == Mode::free) return {};
    if (!spec.armament) {
        MEMRIG_TRY(ArmedGuest armed, armed_guest(host, spec.guest));
        spec.armament = std::move(armed.armament);
        spec.before = std::move(armed.before);
    }
    MEMRIG_CHECK(write_file(spec.directory / "arming.json", text_of(armament_json(*spec.armament))));
    const auto blind = blind_spots(*spec.armament, {});
    const bool rests_on_locks = spec.manner.mode != Mode::free && !spec.scenario.schedule.is_loop();
    if (blind.empty() || !rests_on_locks || !spec.armament->failure.empty()) return {};
    return fail(Fault::guest, "this guest cannot be judged: {}", blind.front());
}

}  // namespace memrig
