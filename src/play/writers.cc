#include "play/writers.h"

#include <algorithm>

#include "base/assert.h"
#include "play/while_running.h"

namespace memrig {

namespace {
using namespace std::chrono_literals;
constexpr auto kRingPatience = 120s;
constexpr std::uint64_t kMostBlocks = 4096;
}  // namespace

Result<BlockRange> blocks_for(const Actor& thread, const PluggedBlocks& plugged) {
    if (thread.writes_to_one_file()) return BlockRange();
    std::vector<BlockRange> ranges;
    for (const auto& [adder, blocks] : plugged)
        if (thread.of.empty() || adder == thread.of) ranges.push_back(blocks);
    std::ranges::sort(ranges, {}, &BlockRange::first);
    std::optional<BlockRange> all;
    for (const auto& blocks : ranges) {
        if (!all) all = blocks;
        else if (blocks.first == all->last + 1) all->last = blocks.last;
        else
            return fail(Fault::user_input, "{} cannot write to the blocks of two devices with others between them",
                        thread.name);
    }
    if (!all) return fail(Fault::user_input, "{} has no blocks to write to", thread.name);
    return *all;
}

WriterSpec Writers::spec_for(const Actor& thread) const {
    WriterSpec spec;
    spec.name = thread.name;
    spec.cpu = context_.roster.vcpu_of(thread.name);
    spec.first_block = 0;
    spec.last_block = thread.writes_to_one_file() ? 0 : kMostBlocks - 1;
    spec.attribute = attribute_of(thread.name);
    spec.value = thread.value_for(spec.attribute);
    spec.trigger = trigger_.value_or(thread.trigger);
    spec.path = thread.path;
    spec.repeat = thread.repeat;
    // The next vCPU gets the next number.
    if (thread.kind == ActorKind::vcpu_onliner)
        spec.path = fmt::format("/sys/devices/system/cpu/cpu{}/online", context_.conductor.probe().vcpus());
    return spec;
}

Status Writers::arm(std::optional<WriterTrigger> trigger) {
    trigger_ = trigger;
    return arm_again();
}

Status Writers::arm_again() {
    for (const auto& actor : context_.schedule().actors) {
        if (!actor.is_thread()) continue;
        const WriterSpec spec = spec_for(actor);
        if (actor.kind == ActorKind::adder) {
            MEMRIG_TRY(own_memory_, while_running(context_.conductor, [&] {
                           return find_own_memory(context_.agent(), *own_memory(actor.device), context_.block_bytes,
                                                  Deadline::after(kAgentPatience));
                       }));
        }
        MEMRIG_TRY(const Doorbell doorbell, while_running(context_.conductor, [&] {
                       return context_.agent().arm_writer(spec, Deadline::after(kAgentPatience));
                   }));
        doorbells_[actor.name] = doorbell;
        context_.record.add_event(
            actor.name, "armed",
            fmt::format("to write {} to {}", spec.value, spec.path.empty() ? spec.attribute : spec.path), spec.cpu);
    }
    return context_.conductor.pause();
}

const Doorbell& Writers::doorbell_of(const Actor& thread) const {
    const auto found = doorbells_.find(thread.name);
    MEMRIG_ASSERT(found != doorbells_.end(), "the thread was armed");
    return found->second;
}

Status Writers::await_at_doorbell(const Actor& thread) {
    const unsigned vcpu = context_.roster.vcpu_of(thread.name);
    const Doorbell& doorbell = doorbell_of(thread);
    const auto give_up = Deadline::after(kRingPatience);
    const auto never = [] { return false; };
    for (;;) {
        MEMRIG_CHECK(context_.conductor.pause());
        // The thread's address space is that of its vCPU while it spins there. Otherwise another task has interrupted
        // it, and it comes back.
        const auto magic = context_.conductor.probe().read_u64(vcpu, doorbell.address);
        if (magic && *magic == Doorbell::magic) return {};
        if (!magic && magic.error().fault != Fault::guest) return std::unexpected(magic.error());
        if (give_up.expired()) return fail(Fault::guest, "{} does not wait for its doorbell", thread.name);
        MEMRIG_TRY([[maybe_unused]] const RunEnd end, context_.conductor.run_until(never, Deadline::after(1ms)));
    }
}

Status Writers::ring(const Actor& thread) {
    if (thread.kind == ActorKind::adder) context_.record.note_plugged(thread.name, own_memory_);
    MEMRIG_TRY(const BlockRange blocks, blocks_for(thread, context_.record.performance().plugged));
    context_.roster.set_work(thread.name, blocks.count());
    MEMRIG_CHECK(await_at_doorbell(thread));
    std::string words;
    for (const std::uint64_t word : {blocks.first, blocks.last, std::uint64_t{1}})
        for (unsigned i = 0; i < 8; i++) words += static_cast<char>(word >> (8 * i));
    const unsigned vcpu = context_.roster.vcpu_of(thread.name);
    MEMRIG_CHECK(context_.conductor.probe().write_memory(vcpu, doorbell_of(thread).address + 8, words));
    context_.record.add_event(
        thread.name, "rung",
        thread.writes_to_one_file() ? "" : fmt::format("memory{} to memory{}", blocks.first, blocks.last), vcpu);
    return {};
}

}  // namespace memrig
