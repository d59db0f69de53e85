// How the actors of a cast begin.
#include <algorithm>

#include "hotplug/id_list.h"
#include "play/cast.h"
#include "play/while_running.h"

namespace memrig {

namespace {
using namespace std::chrono_literals;
constexpr auto kRingPatience = 120s;
}  // namespace

Status Cast::start(const Actor& actor) {
    started_.insert(actor.name);
    if (actor.is_thread()) return ring(actor);
    // What comes through QMP comes at one instant of the guest's time: while it stands still.
    MEMRIG_CHECK(conductor_.pause());
    if (actor.kind == ActorKind::vcpu_plugger) return plug_one_vcpu(actor);
    if (actor.kind == ActorKind::remover) return unplug(actor);
    if (actor.kind == ActorKind::pinner) return pin(actor);
    return actor.kind == ActorKind::resizer ? resize(actor) : plug(actor);
}

WriterSpec Cast::order_for(const Actor& actor, std::optional<WriterTrigger> trigger) const {
    constexpr std::uint64_t most_blocks = 4096;
    WriterSpec order;
    order.name = actor.name;
    order.cpu = casting_.vcpus.at(actor.name);
    order.first_block = 0;
    order.last_block = actor.writes_to_one_file() ? 0 : most_blocks - 1;
    order.attribute = order_.attributes.at(actor.name);
    order.value = actor.value_for(order.attribute);
    order.trigger = trigger.value_or(actor.trigger);
    order.path = actor.path;
    // The next vCPU gets the next number.
    if (actor.kind == ActorKind::vcpu_onliner)
        order.path = fmt::format("/sys/devices/system/cpu/cpu{}/online", conductor_.probe().vcpus());
    return order;
}

Status Cast::arm(std::optional<WriterTrigger> trigger) {
    MEMRIG_TRY(seen.vcpus_before, look_at_vcpus());
    MEMRIG_TRY(casting_,
               cast_threads(order_.schedule, conductor_.probe().vcpus(), order_.housekeeping, trigger.has_value()));
    trigger_ = trigger;
    return arm_threads();
}

Status Cast::arm_threads() {
    for (const auto& actor : order_.schedule.actors) {
        if (!actor.is_thread()) continue;
        const WriterSpec order = order_for(actor, trigger_);
        if (actor.kind == ActorKind::adder) {
            MEMRIG_TRY(own_memory_, while_running(conductor_, [&] {
                           return find_own_memory(machine_.agent(), *own_memory(actor.device), order_.block_bytes,
                                                  Deadline::after(kAgentPatience));
                       }));
        }
        MEMRIG_TRY(const Doorbell doorbell, while_running(conductor_, [&] {
                       return machine_.agent().arm_writer(order, Deadline::after(kAgentPatience));
                   }));
        doorbells_[actor.name] = doorbell;
        timeline_.add(actor.name, "armed",
                      fmt::format("to write {} to {}", order.value, order.path.empty() ? order.attribute : order.path),
                      order.cpu);
    }
    return conductor_.pause();
}

Result<BlockRange> Cast::blocks_for(const Actor& thread) const {
    if (thread.writes_to_one_file()) return BlockRange();
    std::optional<BlockRange> all;
    for (const auto& [adder, blocks] : seen.plugged) {
        if (!thread.of.empty() && adder != thread.of) continue;
        if (!all) all = blocks;
        else if (blocks.first == all->last + 1) all->last = blocks.last;
        else if (blocks.last + 1 == all->first) all->first = blocks.first;
        else
            return fail(Fault::user_input, "{} cannot write to the blocks of two devices with others between them",
                        thread.name);
    }
    if (!all) return fail(Fault::user_input, "{} has no blocks to write to", thread.name);
    return *all;
}

Status Cast::ring(const Actor& actor) {
    if (actor.kind == ActorKind::adder) seen.plugged[actor.name] = own_memory_;
    MEMRIG_TRY(const BlockRange blocks, blocks_for(actor));
    asked_[actor.name] = blocks.count();
    const unsigned vcpu = casting_.vcpus.at(actor.name);
    const Doorbell& doorbell = doorbells_.at(actor.name);
    const auto give_up = Deadline::after(kRingPatience);
    const auto never = [] { return false; };
    for (;;) {
        MEMRIG_CHECK(conductor_.pause());
        // Its address space is the vCPU's while it spins there; else it was interrupted by another task, and comes back.
        const auto magic = conductor_.probe().read_u64(vcpu, doorbell.address);
        if (magic && *magic == Doorbell::magic) break;
        if (!magic && magic.error().fault != Fault::guest) return std::unexpected(magic.error());
        if (give_up.expired()) return fail(Fault::guest, "{} does not wait for its doorbell", actor.name);
        MEMRIG_TRY([[maybe_unused]] const RunEnd end, conductor_.run_until(never, Deadline::after(1ms)));
    }
    std::string words;
    for (const std::uint64_t word : {blocks.first, blocks.last, std::uint64_t{1}})
        for (unsigned i = 0; i < 8; i++) words += static_cast<char>(word >> (8 * i));
    MEMRIG_CHECK(conductor_.probe().write_memory(vcpu, doorbell.address + 8, words));
    timeline_.add(actor.name, "rung",
                  actor.writes_to_one_file() ? "" : fmt::format("memory{} to memory{}", blocks.first, blocks.last),
                  vcpu);
    return {};
}

Result<std::optional<VcpuFigures>> Cast::look_at_vcpus() {
    if (std::ranges::find(order_.schedule.actors, ActorKind::vcpu_plugger, &Actor::kind) ==
        order_.schedule.actors.end())
        return std::nullopt;
    VcpuFigures figures;
    for (const auto& [file, number] : {std::pair{"present", &figures.present}, {"online", &figures.online}}) {
        const std::string path = fmt::format("/sys/devices/system/cpu/{}", file);
        MEMRIG_TRY(const std::string list, while_running(conductor_, [&] {
                       return machine_.agent().read_guest_file(path, Deadline::after(kAgentPatience));
                   }));
        const auto cpus = parse_id_list(list);
        if (!cpus) return fail(Fault::guest, "{} is no list of CPUs: '{}'", path, list);
        *number = static_cast<unsigned>(cpus->size());
    }
    return figures;
}

}  // namespace memrig
